//! A WebSocket by hand, so that a test can do with it what no library allows: stay silent, send too much, vanish.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::http::{self, Reply};

const PATIENCE: Duration = Duration::from_secs(30);
const TEXT: u8 = 1;
const BINARY: u8 = 2;

pub struct Socket {
    stream: TcpStream,
}

/// What came next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Message(Vec<u8>),
    Control(u8),
    /// The server closed, with this code where it gave one.
    Closed(Option<u16>),
}

impl Socket {
    /// Asks for a WebSocket; a refusal is an HTTP answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn open(base: &str, path: &str) -> io::Result<Result<Self, Reply>> {
        let mut stream = TcpStream::connect(http::authority(base))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            http::authority(base)
        );
        stream.write_all(head.as_bytes())?;
        let mut bytes = Vec::new();
        // Byte by byte, so that no frame behind the head is swallowed.
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut one = [0];
            stream.read_exact(&mut one)?;
            bytes.push(one[0]);
        }
        let mut reply =
            http::head(&String::from_utf8_lossy(&bytes)).ok_or_else(|| io::Error::other("no HTTP"))?;
        if reply.status == 101 {
            return Ok(Ok(Self { stream }));
        }
        let length = reply.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        reply.body = body;
        Ok(Err(reply))
    }

    /// One binary message in one frame. The mask is zero: allowed, and the bytes stay readable.
    ///
    /// # Errors
    /// When the server has closed the connection.
    pub fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        self.frame(BINARY, payload)
    }

    /// One text message in one frame.
    ///
    /// # Errors
    /// When the server has closed the connection.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes())
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut head = vec![0x80 | kind];
        match payload.len() {
            short @ 0..126 => head.push(0x80 | u8::try_from(short).unwrap_or(0)),
            medium @ 126..=65_535 => {
                head.push(0x80 | 126);
                head.extend_from_slice(&u16::try_from(medium).unwrap_or(0).to_be_bytes());
            }
            long => {
                head.push(0x80 | 127);
                head.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        head.extend_from_slice(&[0; 4]);
        self.stream.write_all(&head)?;
        self.stream.write_all(payload)
    }

    /// The next frame; an end without a goodbye is `Closed(None)`.
    pub fn receive(&mut self) -> Heard {
        self.read().unwrap_or(Heard::Closed(None))
    }

    fn read(&mut self) -> io::Result<Heard> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut two = [0; 2];
                self.stream.read_exact(&mut two)?;
                u64::from(u16::from_be_bytes(two))
            }
            127 => {
                let mut eight = [0; 8];
                self.stream.read_exact(&mut eight)?;
                u64::from_be_bytes(eight)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.stream.read_exact(&mut payload)?;
        Ok(match head[0] & 0x0f {
            8 => Heard::Closed(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            control @ 9.. => Heard::Control(control),
            _ => Heard::Message(payload),
        })
    }
}
