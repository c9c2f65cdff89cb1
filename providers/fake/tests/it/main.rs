//! The fakes keep the contract of every provider, keep time exactly, and fail as told.
