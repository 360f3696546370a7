//! Rules of the optimizer that know what views are made of: they let queries work on ids and stored numbers as long as possible.

mod grouping;
mod predicates;
mod set;

use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};

/// The optimizer's rules with ours among them.
pub(crate) fn all() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Vec::new();
    for rule in Optimizer::new().rules {
        let name = rule.name().to_owned();
        rules.push(rule);
        match name.as_str() {
            // Conditions stand at the files then, in the columns of the files.
            "push_down_filter" => rules.push(Arc::new(predicates::Predicates) as _),
            "optimize_projections" => rules.push(Arc::new(grouping::Grouping) as _),
            _ => {}
        }
    }
    rules
}
