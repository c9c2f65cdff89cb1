//! One ONNX model: load it, run it on named tensors.
//!
//! The bindings want a session for itself on every run, so a model keeps one for each thread that may run it at once.
//! Starts no threads: a run uses the thread that calls it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};

use crate::error::Error;
use crate::pool::{Lane, Pool, Ticket};

/// A loaded model; share it in an `Arc`.
#[derive(Debug)]
pub struct Model {
    sessions: Arc<Sessions>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// Further sessions on their way; dropping these calls them off.
    _coming: Vec<Ticket<()>>,
}

#[derive(Debug)]
struct Sessions {
    free: Mutex<Vec<Session>>,
    returned: Condvar,
    /// Models in the runtime's own format are used in place by all sessions, so this must be dropped after them.
    source: Arc<Bytes>,
}

/// What sessions are made from.
#[derive(Debug)]
struct Bytes {
    path: PathBuf,
    /// None where the runtime reads the file itself.
    in_place: Option<Vec<u8>>,
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
    /// Loads `path` for one thread and returns; the sessions for `at_once` threads in all follow on the pool, so that a
    /// start does not wait for them.
    pub(crate) fn load(
        environment: &Environment,
        pool: &Pool,
        path: &Path,
        at_once: usize,
    ) -> Result<Self, Error> {
        let source = Arc::new(Bytes::read(path)?);
        let session = source.session(environment)?;
        let inputs = session.inputs().iter().map(|input| input.name().to_owned()).collect();
        let outputs = session.outputs().iter().map(|output| output.name().to_owned()).collect();
        let free = Mutex::new(vec![session]);
        let sessions = Arc::new(Sessions { free, returned: Condvar::new(), source });
        let more = |_| {
            let (environment, sessions) = (environment.clone(), Arc::downgrade(&sessions));
            pool.run(Lane::Background, move || add_session(&environment, &sessions))
        };
        let coming = (1..at_once).map(more).collect();
        Ok(Self { sessions, inputs, outputs, _coming: coming })
    }

    /// Runs the model on this thread. When as many threads as it has sessions are already running it, waits for one.
    ///
    /// # Errors
    /// `Run` when an input is missing, has the wrong shape, or a computation fails.
    pub fn run(&self, inputs: &[(&str, Input<'_>)]) -> Result<Outputs, Error> {
        let mut values = Vec::with_capacity(inputs.len());
        for (name, input) in inputs {
            values.push((*name, input.bind().map_err(|error| Error::Run(format!("{name}: {error}")))?));
        }
        let mut session = Lent { session: Some(self.sessions.take()), sessions: &self.sessions };
        let session = session.session.as_mut().expect("it is given back only on drop");
        let outputs = session.run(values).map_err(|error| Error::Run(error.to_string()))?;
        Ok(Outputs(outputs.into_iter().map(|(name, value)| (name.to_owned(), Value(value))).collect()))
    }

    /// Names of the inputs, in the model's order.
    #[must_use]
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Names of the outputs, in the model's order.
    #[must_use]
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }
}

/// A session for the length of a run; goes back even when the run panics.
struct Lent<'a> {
    session: Option<Session>,
    sessions: &'a Sessions,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.sessions.give(session);
        }
    }
}

impl Sessions {
    fn take(&self) -> Session {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match free.pop() {
                Some(session) => return session,
                None => free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn give(&self, session: Session) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        self.returned.notify_one();
    }
}

fn add_session(environment: &Environment, sessions: &Weak<Sessions>) {
    let Some(source) = sessions.upgrade().map(|sessions| Arc::clone(&sessions.source)) else { return };
    match source.session(environment) {
        // The model may have gone meanwhile, and the session with it, before the bytes it uses.
        Ok(session) => match sessions.upgrade() {
            Some(sessions) => sessions.give(session),
            None => drop(session),
        },
        // The first session works on: slower under load, not wrong.
        Err(error) => tracing::warn!(%error, "a model runs on fewer threads than meant"),
    }
}

impl Bytes {
    fn read(path: &Path) -> Result<Self, Error> {
        let in_place = path.extension().is_some_and(|extension| extension == "ort");
        let failed = |error: std::io::Error| Error::Load { path: path.to_owned(), reason: error.to_string() };
        let in_place = if in_place { Some(std::fs::read(path).map_err(failed)?) } else { None };
        Ok(Self { path: path.to_owned(), in_place })
    }

    fn session(&self, environment: &Environment) -> Result<Session, Error> {
        let failed = |reason: String| Error::Load { path: self.path.clone(), reason };
        let mut builder = builder(environment, self.in_place.is_some()).map_err(failed)?;
        let session = match &self.in_place {
            Some(bytes) => builder.commit_from_memory(bytes),
            None => builder.commit_from_file(&self.path),
        };
        session.map_err(|error| failed(error.to_string()))
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
