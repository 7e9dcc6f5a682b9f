//! Server-sent events (WHATWG HTML, section "Server-sent events"), as far as the feed uses them: the data of each event.

/// Bytes of one line and of one event's data: a frame's JSON and the field's name.
pub const EVENT_BYTES_MAX: usize = grantbook_record::feed::FRAME_BYTES_MAX + 1024;

/// A stream that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event of more than {EVENT_BYTES_MAX} bytes, expected at most as many")]
pub struct TooLong;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Its kind; empty where the stream names none.
    pub kind: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

/// Cuts a stream of bytes into events, wherever its chunks happen to end.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    kind: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
}

impl SseParser {
    /// Takes in a chunk; gives the events that it completes, in order.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        let mut rest = chunk;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let [b'\n', after @ ..] = rest
            {
                rest = after;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + part.len() > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            rest = after;
            if let [ending, after @ ..] = rest {
                self.after_return = *ending == b'\r';
                rest = after;
                events.extend(self.end_line()?);
            }
        }
        Ok(events)
    }

    /// A line is complete: an empty one ends the event.
    fn end_line(&mut self) -> Result<Option<SseEvent>, TooLong> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
            return Ok(std::mem::take(&mut self.has_data).then_some(SseEvent { kind, data }));
        }
        if let Some(kind) = field(&line, b"event") {
            self.kind = kind.to_vec();
        }
        // comments (a leading colon) and the fields id and retry carry nothing that the frame does not
        let Some(value) = field(&line, b"data") else { return Ok(None) };
        if self.data.len() + value.len() > EVENT_BYTES_MAX {
            return Err(TooLong);
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        Ok(None)
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &str, expected: &[&str]) {
        for width in 1..=stream.len() {
            let mut parser = SseParser::default();
            let events = stream.as_bytes().chunks(width).flat_map(|chunk| parser.push(chunk).unwrap());
            let data: Vec<Vec<u8>> = events.map(|event| event.data).collect();
            let expected: Vec<Vec<u8>> = expected.iter().map(|data| data.as_bytes().to_vec()).collect();
            assert_eq!(data, expected, "{stream:?} in chunks of {width}");
        }
    }

    #[test]
    fn events_come_out_whole_however_the_chunks_fall() {
        check("data: a\n\n", &["a"]);
        check("id: 7\nevent: frame\ndata:{\"b\":1}\n\ndata: c\n\n", &["{\"b\":1}", "c"]);
        check("data: a\r\ndata: b\r\n\r\n", &["a\nb"]);
        check("data: a\r\rdata: b\r\r", &["a", "b"]);
        check(": keep-alive\n\n:\n\ndata: a\n\n", &["a"]);
        check("data\n\n", &[""]);
        check("database: no\n\ndata: unfinished\n", &[]);
    }

    #[test]
    fn an_event_has_the_kind_that_was_named_last_before_its_end() {
        let stream = b"event: purge\ndata: a\n\ndata: b\n\nevent: x\n\nevent: y\nevent:z\ndata: c\n\n";
        let events = SseParser::default().push(stream).unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_slice()).collect();
        assert_eq!(kinds, [b"purge".as_slice(), b"", b"z"]);
    }

    #[test]
    fn what_never_ends_is_refused() {
        let mut parser = SseParser::default();
        let chunk = vec![b'x'; EVENT_BYTES_MAX];
        assert_eq!(parser.push(&chunk), Ok(Vec::new()));
        assert_eq!(parser.push(b"x"), Err(TooLong));
        let mut parser = SseParser::default();
        let line = [b"data: ".as_slice(), &vec![b'x'; EVENT_BYTES_MAX / 2], b"\n"].concat();
        assert_eq!(parser.push(&line), Ok(Vec::new()));
        assert!((0..2).any(|_| parser.push(&line).is_err()));
    }
}
