//! Real phones over loopback: sipp with the scenarios of `tests/sipp`, baresip, and one by hand that does what no phone does.

mod baresip;
mod desk;
mod dial;
mod hostile;
mod kamailio;
mod phone;
mod register;
mod sipp;
mod tls;
mod torture;
mod transfers;
