//! Reads a log back. A last line that a crash cut off ends the log; any other damage is an error with its line.

use std::io::{self, BufRead, Read};

use domain::Failure;

use crate::format::{Header, LineIn, Record, VERSION};

/// No line of ours is as long; a file of something else may be.
const LONGEST_LINE_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not read the log")]
    Read(#[from] io::Error),
    #[error("this is no event log of a call: its first line is no header")]
    NoHeader(#[source] serde_json::Error),
    #[error("the log has format {found}; this build reads format {VERSION}")]
    Version { found: u32 },
    #[error("line {line} of the log is damaged")]
    Damaged { line: usize, source: serde_json::Error },
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Read(_) => Failure::platform("FLIGHT_LOG_UNREADABLE", domain::Retry::Now),
            Self::NoHeader(_) => Failure::caller("FLIGHT_LOG_UNKNOWN"),
            Self::Version { .. } => Failure::caller("FLIGHT_LOG_VERSION"),
            Self::Damaged { .. } => Failure::caller("FLIGHT_LOG_DAMAGED"),
        }
    }
}

/// The records of a log, in order.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    header: Header,
    line: usize,
    buffer: Vec<u8>,
}

#[derive(serde::Deserialize)]
struct Version {
    flight: u32,
}

impl<R: BufRead> Reader<R> {
    /// # Errors
    /// `Read`, `NoHeader` or `Version`.
    pub fn new(mut source: R) -> Result<Self, Error> {
        let mut buffer = Vec::new();
        read_line(&mut source, &mut buffer)?;
        let Version { flight } = serde_json::from_slice(&buffer).map_err(Error::NoHeader)?;
        if flight != VERSION {
            return Err(Error::Version { found: flight });
        }
        let header = serde_json::from_slice(&buffer).map_err(Error::NoHeader)?;
        Ok(Self { source, header, line: 1, buffer })
    }

    pub const fn header(&self) -> &Header {
        &self.header
    }

    fn read(&mut self) -> Result<Option<Record>, Error> {
        let whole = read_line(&mut self.source, &mut self.buffer)?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        match serde_json::from_slice::<LineIn>(&self.buffer) {
            Ok(line) => Ok(Some(line.into())),
            Err(_) if !whole => Ok(None), // cut by a crash
            Err(source) => Err(Error::Damaged { line: self.line, source }),
        }
    }
}

/// A line without its end, and whether it had one.
fn read_line(source: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    source.take(LONGEST_LINE_BYTES).read_until(b'\n', buffer)?;
    let whole = buffer.last() == Some(&b'\n');
    if whole {
        buffer.pop();
    }
    Ok(whole)
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
