//! One ONNX model: load it, run it on named tensors.
//!
//! The bindings want a session for itself on every run, so a model keeps one for each thread that may run it at once.
//! Starts no threads: a run uses the thread that calls it.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};

use crate::error::Error;

/// A loaded model; share it in an `Arc`.
#[derive(Debug)]
pub struct Model {
    sessions: Vec<Mutex<Session>>,
    /// Models in the runtime's own format are used in place by all sessions, so this must be dropped after them.
    _bytes: Option<Vec<u8>>,
}

/// One input: its dimensions and values, or what a run gave.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    F32(&'a [usize], &'a [f32]),
    I64(&'a [usize], &'a [i64]),
    I32(&'a [usize], &'a [i32]),
    Bool(&'a [usize], &'a [bool]),
    /// Fed back without a copy.
    Value(&'a Value),
}

/// A tensor that a run gave.
#[derive(Debug)]
pub struct Value(DynValue);

/// What a run gave, by name.
#[derive(Debug)]
pub struct Outputs(Vec<(String, Value)>);

impl Model {
    /// Loads `path` so that `at_once` threads can run it at the same time.
    pub(crate) fn load(environment: &Environment, path: &Path, at_once: usize) -> Result<Self, Error> {
        let failed =
            |error: &dyn std::fmt::Display| Error::Load { path: path.to_owned(), reason: error.to_string() };
        let in_place = path.extension().is_some_and(|extension| extension == "ort");
        let bytes = if in_place { Some(std::fs::read(path).map_err(|e| failed(&e))?) } else { None };
        let mut sessions = Vec::with_capacity(at_once);
        for _ in 0..at_once.max(1) {
            let mut builder = builder(environment, in_place).map_err(|e| failed(&e))?;
            let session = match &bytes {
                Some(bytes) => builder.commit_from_memory(bytes),
                None => builder.commit_from_file(path),
            };
            sessions.push(Mutex::new(session.map_err(|e| failed(&e))?));
        }
        Ok(Self { sessions, _bytes: bytes })
    }

    /// Runs the model on this thread. When as many threads as it was loaded for are already running it, waits for one.
    ///
    /// # Errors
    /// `Run` when an input is missing, has the wrong shape, or a computation fails.
    pub fn run(&self, inputs: &[(&str, Input<'_>)]) -> Result<Outputs, Error> {
        let mut values = Vec::with_capacity(inputs.len());
        for (name, input) in inputs {
            values.push((*name, input.bind().map_err(|error| Error::Run(format!("{name}: {error}")))?));
        }
        let mut session = self.free();
        let outputs = session.run(values).map_err(|error| Error::Run(error.to_string()))?;
        Ok(Outputs(outputs.into_iter().map(|(name, value)| (name.to_owned(), Value(value))).collect()))
    }

    /// Names of the inputs, in the model's order.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        self.free().inputs().iter().map(|input| input.name().to_owned()).collect()
    }

    /// Names of the outputs, in the model's order.
    #[must_use]
    pub fn outputs(&self) -> Vec<String> {
        self.free().outputs().iter().map(|output| output.name().to_owned()).collect()
    }

    fn free(&self) -> MutexGuard<'_, Session> {
        for session in &self.sessions {
            match session.try_lock() {
                Ok(session) => return session,
                // A panic elsewhere left no half-changed session: a run changes nothing that outlives it.
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.sessions[0].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn builder(
    environment: &Environment,
    in_place: bool,
) -> Result<ort::session::builder::SessionBuilder, String> {
    fn plain<T>(error: ort::Error<T>) -> String {
        error.to_string()
    }
    let mut builder = Session::builder(environment).map_err(plain)?;
    builder = builder.with_intra_threads(1).map_err(plain)?;
    builder = builder.with_inter_threads(1).map_err(plain)?;
    builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(plain)?;
    if in_place {
        for key in ["session.use_ort_model_bytes_directly", "session.use_ort_model_bytes_for_initializers"] {
            builder = builder.with_config_entry(key, "1").map_err(plain)?;
        }
    }
    Ok(builder)
}

impl<'a> Input<'a> {
    fn bind(self) -> Result<SessionInputValue<'a>, String> {
        fn plain(error: ort::Error) -> String {
            error.to_string()
        }
        Ok(match self {
            Self::F32(shape, data) => TensorRef::from_array_view((shape, data)).map_err(plain)?.into(),
            Self::I64(shape, data) => TensorRef::from_array_view((shape, data)).map_err(plain)?.into(),
            Self::I32(shape, data) => TensorRef::from_array_view((shape, data)).map_err(plain)?.into(),
            Self::Bool(shape, data) => TensorRef::from_array_view((shape, data)).map_err(plain)?.into(),
            Self::Value(value) => (&value.0).into(),
        })
    }
}

impl Value {
    /// Dimensions and values.
    ///
    /// # Errors
    /// `Run` when the tensor holds another type.
    pub fn f32(&self) -> Result<(&[i64], &[f32]), Error> {
        let (shape, data) = self.0.try_extract_tensor().map_err(|error| Error::Run(error.to_string()))?;
        Ok((shape, data))
    }

    /// # Errors
    /// As for `f32`.
    pub fn i64(&self) -> Result<(&[i64], &[i64]), Error> {
        let (shape, data) = self.0.try_extract_tensor().map_err(|error| Error::Run(error.to_string()))?;
        Ok((shape, data))
    }
}

impl Outputs {
    /// # Errors
    /// `Run` when the model gave no such output.
    pub fn get(&self, name: &str) -> Result<&Value, Error> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value).ok_or_else(|| missing(name))
    }

    /// Takes an output out, to feed it to the next run.
    ///
    /// # Errors
    /// As for `get`.
    pub fn take(&mut self, name: &str) -> Result<Value, Error> {
        let at = self.0.iter().position(|(n, _)| n == name).ok_or_else(|| missing(name))?;
        Ok(self.0.swap_remove(at).1)
    }

    /// Dimensions and values of one output.
    ///
    /// # Errors
    /// As for `get`, and when it holds another type.
    pub fn f32(&self, name: &str) -> Result<(&[i64], &[f32]), Error> {
        self.get(name)?.f32()
    }
}

fn missing(name: &str) -> Error {
    Error::Run(format!("the model gives no output named {name}"))
}
