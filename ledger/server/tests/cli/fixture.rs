//! A server that is started with a fixture.

use super::*;

#[test]
fn a_fixture_that_is_refused_keeps_the_server_from_starting() {
    let place = Place::new();
    for (fixture, expected) in [
        ("{}", "fixture.json: refused fixture: missing field `v`"),
        (r#"{"v":1,"grants":1}"#, "fixture.json: refused fixture: expected"),
        (r#"{"v":1,"authzen":{"words":[{"means":{}}]}}"#, "fixture.json: word 0 has no condition"),
    ] {
        place.write("fixture.json", fixture);
        let refused = place.run("serve --listen 127.0.0.1:0 --data-dir data --fixture fixture.json").is(2);
        assert!(refused.err.contains(expected), "{}", refused.err);
        assert!(!place.path("data").exists(), "read before anything is made");
    }
    place.write("fixture.json", r#"{"v":1}"#);
    place.write("grantbook.toml", "sandbox = false\n");
    let refused = place.run("serve --listen 127.0.0.1:0 --data-dir data --fixture fixture.json").is(2);
    assert!(refused.err.contains("a fixture without a sandbox"), "{}", refused.err);
}
