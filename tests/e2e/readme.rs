//! The commands of the README work as they stand there.
//!
//! The server of the first command is started as it would be, but on a free port; commands of the program then run one
//! after another in one scratch folder, through a shell, with the built program in place of `cargo run --release --`.

use std::fs;
use std::process::{Command, Stdio};

use crate::replay::program::{Done, Place, program, workspace};
use crate::replay::purchases::{purchases, with_sample_id};

/// The file that a reader is told to replay; here a small one in its place.
const SAMPLE: &str = "cdnow_sample.txt";
const BUILD_AND_RUN: &str = "cargo run --release";

fn readme() -> String {
    fs::read_to_string(workspace().join("README.md")).expect("README.md")
}

/// The commands of blocks marked `console` or `sh`: without prompts, comments and output, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let (language, body) = block.split_once('\n').unwrap_or_default();
        if !["console", "sh", "bash", "shell"].contains(&language.trim()) {
            continue;
        }
        let prompts = body.lines().any(|line| line.starts_with("$ "));
        let body = body.replace("\\\n", " ");
        let command = |line: &str| {
            // where there are prompts, all else is output
            let line = if prompts { line.strip_prefix("$ ")? } else { line };
            let line = line.split(" # ").next().unwrap_or_default().trim();
            (!line.is_empty() && !line.starts_with('#')).then(|| line.to_owned())
        };
        commands.extend(body.lines().filter_map(command));
    }
    commands
}

/// The command with the program's name in place of building it; `None` if it is not one of the program's.
fn of_the_program(command: &str) -> Option<String> {
    let command = command.replace(&format!("{BUILD_AND_RUN} -- "), "grantbook ");
    let command =
        command.replace("target/release/grantbook", "grantbook").replace("./grantbook", "grantbook");
    command.starts_with("grantbook ").then_some(command)
}

/// What would not end, or measures with a program that is not built for tests.
fn is_left_out(command: &str) -> bool {
    ["grantbook serve", "grantbook bench"].iter().any(|left_out| command.starts_with(left_out))
}

#[test]
fn the_two_commands_are_there() {
    let commands = commands(&readme());
    for expected in [BUILD_AND_RUN, "./check"] {
        assert!(commands.iter().any(|command| command == expected), "{expected}: {commands:#?}");
    }
}

#[test]
fn its_subcommands_exist() {
    let place = Place::new();
    let text = readme();
    let mut found = 0;
    for (at, name) in text.match_indices("grantbook ") {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        // only what stands in code, not the name in a sentence
        let code = before.ends_with('`');
        let word: String = after.chars().take_while(char::is_ascii_lowercase).collect();
        if code && !word.is_empty() {
            place.run(&format!("help {word}")).ok();
            found += 1;
        }
    }
    for command in commands(&text).iter().filter_map(|command| of_the_program(command)) {
        let word = command.split_whitespace().nth(1).unwrap_or_default();
        if !word.starts_with('-') {
            place.run(&format!("help {word}")).ok();
            found += 1;
        }
    }
    assert!(found > 0, "the README shows no command");
}

#[test]
fn its_commands_run_one_after_another() {
    let place = Place::new();
    place.write(SAMPLE, with_sample_id(&purchases(20, 60, 6)));
    // what the reader has beside the program
    std::os::unix::fs::symlink(workspace().join("policies"), place.path("policies")).expect("a link");
    let _served = place.serve("grantbook-data");
    let folder = program().parent().expect("a folder").to_owned();
    let path = std::env::join_paths(
        std::iter::once(folder).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.expect("a path");
    for written in commands(&readme()) {
        let Some(command) = of_the_program(&written).filter(|command| !is_left_out(command)) else {
            continue;
        };
        // a replay from wherever the reader keeps the file
        let words = command.split(' ').map(|word| if word.ends_with(SAMPLE) { SAMPLE } else { word });
        let command = words.collect::<Vec<_>>().join(" ");
        let mut shell = Command::new("sh");
        place.settle(&mut shell);
        let output = shell.args(["-c", &command]).env("PATH", &path).stdin(Stdio::null()).output();
        let done = Done::of(output.expect("a shell"));
        // 1: the answer is no, as after a withdrawal; 2 and 3 are what no reader should meet
        assert!(matches!(done.status, Some(0 | 1)), "{written}\n{}\n{}", done.out, done.err);
        assert!(!done.err.contains("panicked"), "{written}\n{}", done.err);
    }
}

#[test]
fn commands_are_read_from_blocks() {
    let text = "\
`grantbook demo` in a line is no block.

```console
$ cargo run --release
Grantbook is running
$ cargo run --release -- check \\
    --sandbox   # denied
$ ./check
```

```json
{ \"grantbook \": 1 }
```

```sh
# a comment
grantbook demo
```
";
    let expected =
        ["cargo run --release", "cargo run --release -- check      --sandbox", "./check", "grantbook demo"];
    assert_eq!(commands(text), expected);
    let ours: Vec<_> = commands(text).iter().filter_map(|command| of_the_program(command)).collect();
    assert_eq!(ours, ["grantbook check      --sandbox", "grantbook demo"]);
}
