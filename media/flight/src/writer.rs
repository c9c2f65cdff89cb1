//! Writes a log as the call goes on. Never flushes by itself between full buffers, and never fails a call: an error ends the
//! writing, and `flush` tells of it.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use domain::SessionEvent;
use media_turn::{Input, Output};
use serde::Serialize;

use crate::format::{Header, LineOut, WhatOut};

/// About ten seconds of a call: the sink is written to a few times a minute, and by `flush`.
const BUFFER_BYTES: usize = 32 * 1024;

#[derive(Debug)]
pub struct Writer<W: Write> {
    sink: BufWriter<W>,
    failed: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    /// Begins a log with its header.
    pub fn new(sink: W, header: &Header) -> Self {
        let mut writer = Self { sink: BufWriter::with_capacity(BUFFER_BYTES, sink), failed: None };
        writer.line(header);
        writer
    }

    /// `at` is the time since the session's start, the same that the machine was given as `now`.
    pub fn record_input(&mut self, at: Duration, input: &Input<'_>) {
        self.line(&LineOut::new(at, WhatOut::from(input)));
    }

    /// `Output::Timeout` is not written: the inputs say when the machine was woken.
    pub fn record_output(&mut self, at: Duration, output: &Output) {
        if !matches!(output, Output::Timeout(_)) {
            self.line(&LineOut::new(at, WhatOut::Out(output)));
        }
    }

    /// For events that are no output of the machine.
    pub fn record_event(&mut self, at: Duration, event: &SessionEvent) {
        self.line(&LineOut::new(at, WhatOut::Event(event)));
    }

    /// Gives what was recorded to the sink; about once a second is right. What is lost in a crash is what came after.
    ///
    /// # Errors
    /// The first error of the sink. Nothing is written after it, and it is told once.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(failed) => {
                self.failed = Some(io::Error::new(failed.kind(), "the log ended with an earlier error"));
                Err(failed)
            }
            None => self.sink.flush(),
        }
    }

    fn line(&mut self, line: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.sink, line).map_err(io::Error::from);
        if let Err(error) = written.and_then(|()| self.sink.write_all(b"\n")) {
            self.failed = Some(error);
        }
    }
}
