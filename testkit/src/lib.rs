//! Support for tests alone: an impaired network, real servers on their own ports, tapes of vendor exchanges.
