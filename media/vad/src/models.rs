//! The detectors' models, loaded once for all calls.

use std::sync::Arc;

use inference::engine::Use;
use inference::{Engine, Error, Member, Store, weights};
use media_core::gate::Gate;

use crate::end_of_turn::{EndOfTurn, SmartTurn};
use crate::neural::NeuralVad;
use crate::silero::Network;
use crate::vad::Vad;

pub struct VadModels {
    network: Arc<Network>,
    end_of_turn: SmartTurn,
}

impl VadModels {
    /// # Errors
    /// Where a model file is missing, damaged or of another network.
    pub fn load(engine: &Engine, store: &Store) -> Result<Self, Error> {
        let path = store.path(Member::SileroVad)?;
        let failed = |reason: String| Error::Load { path: path.clone(), reason };
        let file = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let tensors = weights::floats(&file).map_err(|error| failed(error.to_string()))?;
        let network = Network::new(&tensors)
            .ok_or_else(|| failed("its tensors are not those of Silero VAD 5".to_owned()))?;
        let model = engine.load(store, Member::SmartTurn, Use::Workers)?;
        let end_of_turn = SmartTurn::new(model, Arc::clone(engine.pool()))
            .ok_or_else(|| Error::Run("the end-of-turn model has no output".to_owned()))?;
        Ok(Self { network: Arc::new(network), end_of_turn })
    }

    /// A detector for one caller, behind a gate that listens to loudness alone.
    #[must_use]
    pub fn vad(&self) -> Vad {
        self.vad_behind(Gate::new())
    }

    /// A detector for one caller behind a gate with a second opinion.
    #[must_use]
    pub fn vad_behind(&self, gate: Gate) -> Vad {
        Vad::Neural(Box::new(NeuralVad::new(Arc::clone(&self.network), gate)))
    }

    #[cfg(test)]
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    #[must_use]
    pub fn end_of_turn(&self) -> EndOfTurn {
        EndOfTurn::Neural(self.end_of_turn.clone())
    }
}

impl std::fmt::Debug for VadModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VadModels")
    }
}
