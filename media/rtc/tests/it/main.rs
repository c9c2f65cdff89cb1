//! Real peers over loopback sockets: a server and clients of this crate, with and without a bad network between them.

mod calls;
mod damage;
mod leaks;
mod offers;
mod relay;
mod support;
