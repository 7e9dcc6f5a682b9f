use std::collections::BTreeMap;

use super::*;
use crate::kit::tables::Requests;

/// Every list of three cells that add up to so much or less: with one of them, all others of the same total.
fn lists() -> impl Iterator<Item = [u64; 3]> {
    const MOST: u64 = 4 * FLOOR;
    (0..=MOST).flat_map(|a| (0..=MOST - a).flat_map(move |b| (0..=MOST - a - b).map(move |c| [a, b, c])))
}

/// Of all lists that are shown alike, no small cell has the same count in each.
fn nothing_small_is_told<Shown: Ord + std::fmt::Debug>(show: impl Fn([u64; 3]) -> Shown) {
    type Ends = [(u64, u64); 3];
    let mut alike: BTreeMap<Shown, Ends> = BTreeMap::new();
    for cells in lists() {
        let ends = alike.entry(show(cells)).or_insert_with(|| cells.map(|cell| (cell, cell)));
        for ((least, most), cell) in ends.iter_mut().zip(cells) {
            (*least, *most) = ((*least).min(cell), (*most).max(cell));
        }
    }
    assert!(alike.len() > 20);
    for (shown, ends) in alike {
        for (least, most) in ends {
            assert!(least != most || !is_small(least), "{shown:?} tells {least}");
        }
    }
}

#[test]
fn no_small_cell_follows_from_what_is_shown() {
    nothing_small_is_told(|cells| format!("{:?}", suppress(&cells)));
    nothing_small_is_told(|[granted, declined, open]| {
        serde_json::to_string(&Requests::new(granted, declined, open)).unwrap()
    });
}

#[test]
fn no_small_step_follows_from_what_is_joined() {
    nothing_small_is_told(|cells| format!("{:?}", join(&cells)));
}

#[test]
fn joined_and_left_out_by_hand() {
    let number = Figure::Number;
    let out = Figure::SUPPRESSED;
    for (cells, shown, total) in [
        (vec![], vec![], number(0)),
        (vec![0, 100], vec![number(0), number(100)], number(100)),
        (vec![19], vec![out], out),
        (vec![5, 6, 7], vec![out; 3], out),
        // one more is left out, the least
        (vec![5, 100, 30, 0], vec![out, number(100), out, number(0)], number(135)),
        (vec![5, 6, 100, 30], vec![out, out, number(100), out], number(141)),
        (vec![10, 10, 20], vec![out; 3], number(40)),
        // which of them it would be must not be told
        (vec![5, 30, 100, 30], vec![out, out, number(100), out], number(165)),
    ] {
        assert_eq!(suppress(&cells), (shown, total), "{cells:?}");
    }
    for (cells, groups) in [
        (vec![0, 0], Some(vec![])),
        (vec![5, 14], None),
        (vec![5, 15, 0], Some(vec![(1, 20)])),
        (vec![500, 7, 3, 0, 12, 0], Some(vec![(0, 500), (4, 22)])),
        (vec![500, 7, 0, 3], Some(vec![(3, 510)])),
    ] {
        assert_eq!(join(&cells), groups, "{cells:?}");
    }
}
