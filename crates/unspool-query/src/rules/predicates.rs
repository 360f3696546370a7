//! Conditions on what ids stand for become conditions on ids: `path like '/etc/%'` is asked once of every distinct path and then
//! of ids only, which also lets row groups be left out. Conditions on times become conditions on stored microseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable as _, Filter, LogicalPlan, Operator, in_list, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::create_physical_expr;

use super::set::InSet;
use crate::functions::lookup_of;
use crate::lookup::{ImageAt, LookUp, Whole, Whose, call};

/// Ids that are listed one by one; row groups are left out by lists that are not longer.
const LISTED_MAX: usize = 20;

/// Name of the only column where a condition is asked of values.
const VALUE: &str = "value";

/// The rule.
#[derive(Debug)]
pub(super) struct Predicates;

impl OptimizerRule for Predicates {
    fn name(&self) -> &'static str {
        "look_up_predicates"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Filter(filter) => {
                let schema = filter.input.schema().clone();
                let rewritten = condition(filter.predicate.clone(), &schema)?;
                if !rewritten.transformed {
                    return Ok(Transformed::no(LogicalPlan::Filter(filter)));
                }
                let filter = Filter::try_new(rewritten.data, filter.input)?;
                Ok(Transformed::yes(LogicalPlan::Filter(filter)))
            }
            LogicalPlan::TableScan(mut scan) if !scan.filters.is_empty() => {
                let source = scan.source.schema();
                let schema = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &source)?;
                let mut changed = false;
                let mut filters = Vec::new();
                for filter in std::mem::take(&mut scan.filters) {
                    let rewritten = condition(filter, &schema)?;
                    changed |= rewritten.transformed;
                    filters.extend(split_conjunction_owned(rewritten.data));
                }
                scan.filters = filters;
                let plan = LogicalPlan::TableScan(scan);
                Ok(if changed {
                    Transformed::yes(plan)
                } else {
                    Transformed::no(plan)
                })
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// A condition that lets a row through or not: false and nothing are the same.
fn condition(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = false;
    let mut parts = Vec::new();
    for part in split_conjunction_owned(expr) {
        if let Some(times) = of_time(&part) {
            changed = true;
            parts.extend(times);
            continue;
        }
        let rewritten = alternative(part, schema)?;
        changed |= rewritten.transformed;
        parts.extend(split_conjunction_owned(rewritten.data));
    }
    let whole = conjunction(parts).unwrap_or_else(|| lit(true));
    Ok(Transformed::new(
        whole,
        changed,
        TreeNodeRecursion::Continue,
    ))
}

/// A part of a conjunction.
fn alternative(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Some(rewritten) = of_ids(&expr, schema)? {
        return Ok(Transformed::yes(rewritten));
    }
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::Or | Operator::And),
            right,
        }) => {
            let left = alternative(*left, schema)?;
            let right = alternative(*right, schema)?;
            let changed = left.transformed || right.transformed;
            let whole = Expr::BinaryExpr(BinaryExpr::new(
                Box::new(left.data),
                op,
                Box::new(right.data),
            ));
            Ok(Transformed::new(
                whole,
                changed,
                TreeNodeRecursion::Continue,
            ))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The only look-up that the condition reads, where it reads nothing else.
fn only_look_up(expr: &Expr) -> Result<Option<&Expr>> {
    let mut found: Option<&Expr> = None;
    let mut alone = true;
    expr.apply(|node| {
        if lookup_of(node).is_some() {
            alone &= found.is_none_or(|found| found == node);
            found = Some(node);
            return Ok(TreeNodeRecursion::Jump);
        }
        let foreign = matches!(
            node,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::Placeholder(_)
        );
        alone &= !foreign && !node.is_volatile_node();
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found.filter(|_| alone))
}

/// The condition on ids; `None` where it is not one on a single look-up.
fn of_ids(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let Some(node) = only_look_up(expr)? else {
        return Ok(None);
    };
    let Some((look_up, id)) = lookup_of(node) else {
        return Ok(None);
    };
    if node == expr {
        // A flag by itself is no condition that is asked of values.
        return Ok(None);
    }
    let node = node.clone();
    let asked = expr.clone().transform_down(|part| {
        Ok(if part == node {
            Transformed::yes(Expr::Column(Column::new_unqualified(VALUE)))
        } else {
            Transformed::no(part)
        })
    })?;
    let Some(ids) = holds(&asked.data, look_up)? else {
        return Ok(None);
    };
    if let Some(by_process) = of_images(id, &ids, schema)? {
        return Ok(Some(by_process));
    }
    Ok(Some(one_of(id, &ids, schema)?))
}

/// Ids for which the condition holds; `None` where it holds for no id at all too.
fn holds(asked: &Expr, look_up: &LookUp) -> Result<Option<Vec<usize>>> {
    let values = look_up.run.values(look_up.dictionary)?;
    let array = &values.array;
    let nothing = new_null_array(array.data_type(), 1);
    let column: ArrayRef = concat(&[array.as_ref(), nothing.as_ref()])?;
    let field = Field::new(VALUE, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(schema.clone(), vec![column])?;
    let schema = DFSchema::try_from(schema.as_ref().clone())?;
    let props = ExecutionProps::new();
    let physical =
        create_physical_expr(asked, &schema, &props, &PhysicalPlanningContext::default())?;
    let found = physical.evaluate(&batch);
    let Ok(found) = found.and_then(|found| found.into_array(batch.num_rows())) else {
        // A value that no row may have cannot be cast, or is divided by: rows are asked, those that other conditions let through.
        return Ok(None);
    };
    let Some(found) = found.as_boolean_opt() else {
        return Ok(None);
    };
    let is_true = |at: usize| found.is_valid(at) && found.value(at);
    if is_true(array.len()) {
        return Ok(None);
    }
    Ok(Some((0..array.len()).filter(|at| is_true(*at)).collect()))
}

/// Whether an id is one of these.
fn one_of(id: &Expr, ids: &[usize], schema: &DFSchema) -> Result<Expr> {
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Ok(lit(false));
    };
    let data_type = id.get_type(schema)?;
    let literal = |id: usize| -> Result<Expr> {
        let number = ScalarValue::Int64(i64::try_from(id).ok());
        Ok(lit(number.cast_to(&data_type)?))
    };
    if let [only] = ids {
        return Ok(id.clone().eq(literal(*only)?));
    }
    if ids.len() <= LISTED_MAX {
        let list = ids.iter().map(|id| literal(*id)).collect::<Result<_>>()?;
        return Ok(in_list(id.clone(), list, false));
    }
    let set = call(InSet::new(ids.iter().copied()), vec![id.clone()]);
    if !matches!(id, Expr::Column(_)) {
        return Ok(set);
    }
    Ok(id
        .clone()
        .gt_eq(literal(*first)?)
        .and(id.clone().lt_eq(literal(*last)?))
        .and(set))
}

/// For images: the processes that have one of them, and the images where a process has others too.
fn of_images(id: &Expr, ids: &[usize], schema: &DFSchema) -> Result<Option<Expr>> {
    let Expr::ScalarFunction(function) = id else {
        return Ok(None);
    };
    let Some(image_at) = function.func.inner().downcast_ref::<ImageAt>() else {
        return Ok(None);
    };
    let (Whose::Own, [process, _]) = (image_at.whose, function.args.as_slice()) else {
        return Ok(None);
    };
    let known = image_at.run.known()?;
    let mut processes: BTreeMap<usize, bool> = BTreeMap::new();
    for (number, (process, _)) in known.images().enumerate() {
        let is_one = ids.binary_search(&number).is_ok();
        if is_one {
            processes.entry(process.index()).or_insert(true);
        }
    }
    for (number, (process, _)) in known.images().enumerate() {
        if ids.binary_search(&number).is_err()
            && let Some(all) = processes.get_mut(&process.index())
        {
            *all = false;
        }
    }
    let owners: Vec<usize> = processes.keys().copied().collect();
    let by_process = one_of(process, &owners, schema)?;
    if processes.values().all(|all| *all) {
        return Ok(Some(by_process));
    }
    Ok(Some(by_process.and(one_of(id, ids, schema)?)))
}

/// A comparison of a time with a constant, on the stored microseconds, and itself where these do not say all.
fn of_time(expr: &Expr) -> Option<Vec<Expr>> {
    const NS: i64 = 1000;
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return None;
    };
    let Expr::Literal(ScalarValue::TimestampNanosecond(Some(ns), _), _) = right.as_ref() else {
        return None;
    };
    let Expr::ScalarFunction(function) = left.as_ref() else {
        return None;
    };
    let whole = function.func.inner().downcast_ref::<Whole>()?;
    let [us, sub_ns] = function.args.as_slice() else {
        return None;
    };
    if !whole.is_time {
        return None;
    }
    let (limit, beyond) = (lit(ns.div_euclid(NS)), ns.rem_euclid(NS));
    let sub_ns = sub_ns.clone();
    let beyond_lit = lit(u16::try_from(beyond).unwrap_or_default());
    let equal = us.clone().eq(limit.clone());
    Some(match op {
        Operator::GtEq if beyond == 0 => vec![us.clone().gt_eq(limit)],
        Operator::Lt if beyond == 0 => vec![us.clone().lt(limit)],
        Operator::GtEq => vec![
            us.clone().gt_eq(limit.clone()),
            us.clone().gt(limit).or(sub_ns.gt_eq(beyond_lit)),
        ],
        Operator::Gt => vec![
            us.clone().gt_eq(limit.clone()),
            us.clone().gt(limit).or(sub_ns.gt(beyond_lit)),
        ],
        Operator::Lt => vec![
            us.clone().lt_eq(limit.clone()),
            us.clone().lt(limit).or(sub_ns.lt(beyond_lit)),
        ],
        Operator::LtEq => vec![
            us.clone().lt_eq(limit.clone()),
            us.clone().lt(limit).or(sub_ns.lt_eq(beyond_lit)),
        ],
        Operator::Eq => vec![equal, sub_ns.eq(beyond_lit)],
        _ => return None,
    })
}
