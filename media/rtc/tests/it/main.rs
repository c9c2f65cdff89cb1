//! Real peers over loopback sockets: a server and clients of this crate, with and without a bad network between them.

#![expect(clippy::print_stdout, reason = "seeds are printed, so that a failure can be repeated")]

mod calls;
mod damage;
mod leaks;
mod links;
mod offers;
mod relay;
mod support;
