//! Server-sent events out of a body: bounded, and strict about nothing that real servers get wrong.

use futures::StreamExt;

use crate::codes::Fault;
use crate::http::Body;

/// Of one event. What is longer is no event of a language model.
const LARGEST_EVENT: usize = 4 << 20;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Empty where the server named none.
    pub name: String,
    pub data: String,
}

/// Reads the events of one body.
pub struct Events {
    body: Body,
    /// Bytes of the line that has not ended.
    line: Vec<u8>,
    /// Of these, so many were looked at for an end.
    seen: usize,
    event: Event,
    has_data: bool,
    over: bool,
}

impl Events {
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { body, line: Vec::new(), seen: 0, event: Event::default(), has_data: false, over: false }
    }

    /// No more events are wanted: `Body::finish`.
    pub fn finish(self) {
        self.body.finish();
    }

    /// The next event; `None` at the end of the body. Cancel-safe.
    ///
    /// # Errors
    /// When the body breaks off or an event is too large.
    pub async fn next(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            while let Some(line) = self.take_line()? {
                if let Some(event) = self.field(&line) {
                    return Ok(Some(event));
                }
            }
            if self.over {
                return Ok(None);
            }
            match self.body.next().await {
                Some(piece) => self.line.extend_from_slice(&piece?),
                None => {
                    // Some servers forget the blank line after their last event.
                    self.over = true;
                    self.line.extend_from_slice(b"\n\n");
                }
            }
        }
    }

    fn take_line(&mut self) -> Result<Option<String>, Fault> {
        let Some(end) = self.line[self.seen..].iter().position(|byte| *byte == b'\n') else {
            self.seen = self.line.len();
            if self.line.len() + self.event.data.len() > LARGEST_EVENT {
                return Err(Fault::protocol(format!("an event of more than {LARGEST_EVENT} bytes")));
            }
            return Ok(None);
        };
        let line: Vec<u8> = self.line.drain(..=self.seen + end).collect();
        self.seen = 0;
        let line = String::from_utf8_lossy(&line);
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn field(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {} // comments, ids, retry
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream;

    use super::*;

    async fn read(pieces: &[&str]) -> Vec<Event> {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece.as_bytes()))).collect();
        let mut events = Events::new(stream::iter(pieces).boxed().into());
        let mut read = Vec::new();
        while let Some(event) = events.next().await.expect("well formed") {
            read.push(event);
        }
        read
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[tokio::test]
    async fn events_are_found_over_the_edges_of_pieces() {
        let read = read(&["event: pi", "ng\r\ndata: {", "}\r\n\r\n: comment\ndata:a\ndata: b\n\n"]).await;
        assert_eq!(read, [event("ping", "{}"), event("", "a\nb")]);
    }

    #[tokio::test]
    async fn the_last_event_counts_without_its_blank_line_and_an_event_without_data_does_not() {
        assert_eq!(read(&["event: a\n\ndata: [DONE]"]).await, [event("", "[DONE]")]);
    }

    #[tokio::test]
    async fn an_event_without_end_is_refused() {
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let endless = stream::repeat_with(move || Ok(piece.clone())).take(8).boxed();
        assert!(Events::new(endless.into()).next().await.is_err());
    }
}
