//! How fast a replica without a snapshot reads the feed: parsing, every proof and signature, and the fold.

use std::time::{Duration, Instant};

use grantbook_record::feed::{FeedPosition, Frame};
use grantbook_sdk::{Pins, Replica};

use crate::Failure;
use crate::measure::float;
use crate::report::Report;
use crate::world::World;

/// Frames that are got from the ledger at once.
const PAGE: usize = 256;

pub(super) fn measure(report: &mut Report, world: &World) -> Result<(), Failure> {
    let ledger = &world.ledger;
    let pins = Pins { tenant: world.tenant, log_keys: ledger.log_keys().clone(), parties: world.parties()? };
    let mut frames: Vec<Vec<u8>> = Vec::new();
    loop {
        let page = ledger.feed(world.tenant, FeedPosition(frames.len() as u64), PAGE)?;
        if page.is_empty() {
            break;
        }
        frames.extend(page.iter().map(Frame::to_json));
    }
    let mut replica = Replica::new(pins.clone(), Duration::from_secs(5));
    let begun = Instant::now();
    for json in &frames {
        replica.take_frame(pins.verify_frame(&Frame::parse(json)?)?)?;
    }
    report.figure(
        "feed, verified and taken in",
        float(frames.len()) / begun.elapsed().as_secs_f64(),
        "frames/s",
    );
    Ok(())
}
