//! The one ONNX environment of the process, and the pool its models run on. Start it once, clone the handle.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;

use crate::error::Error;
use crate::lock::Member;
use crate::onnx::Model;
use crate::options::Options;
use crate::pool::Pool;
use crate::store::Store;

/// Cheap to clone. The pool's threads end when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Engine {
    environment: Environment,
    pool: Arc<Pool>,
}

/// Who runs a model, hence how many may at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The pool's workers, each.
    Workers,
    /// The realtime thread alone.
    Realtime,
}

/// The runtime allows one environment in a process, for as long as the process lives.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

impl Engine {
    /// Loads the runtime library from `store`, the first time in this process, and starts the threads.
    ///
    /// # Errors
    /// `Missing`, `Runtime` when the library does not fit this machine, or `Threads`.
    pub fn start(options: &Options, store: &Store) -> Result<Self, Error> {
        let environment = environment(store)?;
        Ok(Self { environment, pool: Arc::new(Pool::start(options)?) })
    }

    #[must_use]
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Loads one model of the store. Blocking, tens to hundreds of milliseconds.
    ///
    /// # Errors
    /// `Missing`, or `Load` when the file is no model.
    pub fn load(&self, store: &Store, member: Member, used_by: Use) -> Result<Model, Error> {
        self.load_path(&store.path(member)?, used_by)
    }

    /// Loads a model from anywhere.
    ///
    /// # Errors
    /// `Load` when there is no model.
    pub fn load_path(&self, path: &Path, used_by: Use) -> Result<Model, Error> {
        let at_once = match used_by {
            Use::Workers => self.pool.workers(),
            Use::Realtime => 1,
        };
        Model::load(&self.environment, &self.pool, path, at_once)
    }
}

fn environment(store: &Store) -> Result<Environment, Error> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let library = store.path(Member::OnnxRuntime)?;
    let started = ort::init_from(&library)
        .map_err(|error| Error::Runtime(error.to_string()))?
        .with_name("agent-foundry")
        .with_telemetry(false)
        .build()
        .map_err(|error| Error::Runtime(error.to_string()))?;
    Ok(environment.insert(started).clone())
}
