//! Vendors that fail by drill, over whole calls: a caller, the session, an agent that thinks with a model, and the routes that stand
//! between them and two vendors for each ability. Time is virtual, so that the whole matrix takes seconds.

mod matrix;
mod thousand;
mod world;
