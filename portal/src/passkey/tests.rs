use super::*;
use crate::secret::tests::Memory;

const KEY: [u8; 32] = [4; 32];

#[test]
fn a_challenge_is_good_once_and_not_for_long() {
    let made = UnixSeconds(1_795_000_000);
    let after = |seconds: u64| UnixSeconds(made.0 + seconds);
    let good = challenge(&KEY, Purpose::LogIn, "a", made);
    let check = |rows: &mut Memory, purpose, binding: &str, challenge: &Bytes32, now| {
        take(rows, &KEY, purpose, binding, challenge, now).is_ok()
    };
    let mut rows = Memory::default();
    assert!(!check(&mut rows, Purpose::StepUp, "a", &good, made), "another purpose");
    assert!(!check(&mut rows, Purpose::LogIn, "b", &good, made), "another binding");
    assert!(!check(&mut rows, Purpose::LogIn, "a", &good, after(301)), "too old");
    assert!(!check(&mut rows, Purpose::LogIn, "a", &good, UnixSeconds(made.0 - 1)), "of the future");
    for bit in 0..256 {
        let mut changed = good;
        changed.0[bit / 8] ^= 1 << (bit % 8);
        assert!(!check(&mut rows, Purpose::LogIn, "a", &changed, made), "bit {bit}");
    }
    assert!(take(&mut rows, &[5; 32], Purpose::LogIn, "a", &good, made).is_err(), "another key");
    assert!(check(&mut rows, Purpose::LogIn, "a", &good, after(300)));
    assert!(!check(&mut rows, Purpose::LogIn, "a", &good, after(300)), "again");
    // it is remembered as long as it could be good
    sweep(&mut rows, after(600)).unwrap();
    assert!(!check(&mut rows, Purpose::LogIn, "a", &good, after(300)), "again after a sweep");
    sweep(&mut rows, after(901)).unwrap();
    assert!(rows.names("used/").is_empty());
}

#[test]
fn no_two_challenges_are_alike() {
    let now = UnixSeconds(1_795_000_000);
    let one = challenge(&KEY, Purpose::Register, "", now);
    assert_ne!(one, challenge(&KEY, Purpose::Register, "", now));
}
