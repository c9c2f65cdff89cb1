//! Azure Speech.
