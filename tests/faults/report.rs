//! Makes `docs/faults.md` of what the tests of faults have left in `target/faults`.

use std::process::ExitCode;

use grantbook_tests::{FAULTS, folder, page, tallies};

fn main() -> ExitCode {
    let tallies = tallies();
    let missing: Vec<&str> =
        FAULTS.iter().map(|fault| fault.name).filter(|name| !tallies.contains_key(*name)).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md");
    if let Err(error) = std::fs::write(path, page(&tallies)) {
        eprintln!("{path}: {error}");
        return ExitCode::from(3);
    }
    println!(
        "{} of {} faults were tried, by {}",
        FAULTS.len() - missing.len(),
        FAULTS.len(),
        folder().display()
    );
    for name in &missing {
        println!("not tried: {name}");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
