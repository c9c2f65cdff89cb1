//! A provider made of providers.
