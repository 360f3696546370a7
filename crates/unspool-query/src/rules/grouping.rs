//! Groups by what ids stand for become groups by ids: the text is looked up once a group and not once a row.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result};
use datafusion::functions_aggregate::expr_fn::{max, min, sum};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, SubqueryAlias};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::lookup_of;

/// The rule.
#[derive(Debug)]
pub(super) struct Grouping;

/// A group by a look-up.
struct Found {
    /// Place among the columns of the input.
    place: usize,
    /// The look-up, whose id stands at that place now.
    look_up: Expr,
}

impl OptimizerRule for Grouping {
    fn name(&self) -> &'static str {
        "group_by_ids"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else {
            return Ok(Transformed::no(plan));
        };
        Ok(match by_ids(&aggregate)? {
            Some(plan) => Transformed::yes(plan),
            None => Transformed::no(LogicalPlan::Aggregate(aggregate)),
        })
    }
}

fn by_ids(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let mut input = aggregate.input.as_ref().clone();
    let mut found = Vec::new();
    for group in &aggregate.group_expr {
        let column = match group {
            Expr::Column(column) => column,
            Expr::GroupingSet(_) => return Ok(None),
            _ => continue,
        };
        if is_used(&aggregate.aggr_expr, column)? || is_within(&aggregate.group_expr, column)? {
            continue;
        }
        let place = input.schema().index_of_column(column)?;
        if let Some((look_up, with_id)) = with_id(&input, place)? {
            input = with_id;
            found.push(Found { place, look_up });
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let mut is_unique = true;
    for group in &found {
        if let Some((look_up, _)) = lookup_of(&group.look_up) {
            let nullable = input.schema().field(group.place).is_nullable();
            let values = look_up.run.values(look_up.dictionary)?;
            is_unique &= values.is_unique(nullable);
        }
    }
    if !is_unique
        && !aggregate
            .aggr_expr
            .iter()
            .all(|expr| merged(expr).is_some())
    {
        return Ok(None);
    }
    let inner = Aggregate::try_new(
        Arc::new(input),
        aggregate.group_expr.clone(),
        aggregate.aggr_expr.clone(),
    )?;
    if is_unique {
        return looked_up(aggregate, inner, &found).map(Some);
    }
    merge(aggregate, inner, &found).map(Some)
}

/// Whether a group that is more than a column reads the column.
fn is_within(groups: &[Expr], column: &Column) -> Result<bool> {
    let others = groups
        .iter()
        .filter(|group| !matches!(group, Expr::Column(_)));
    is_used(others, column)
}

/// The plan with an id in the place of what it stands for, and the look-up that stood there. Nothing between there and here may
/// read the column but to hand it on.
fn with_id(plan: &LogicalPlan, place: usize) -> Result<Option<(Expr, LogicalPlan)>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let Some((look_up, input)) = with_id(&alias.input, place)? else {
                return Ok(None);
            };
            let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
            Ok(Some((look_up, LogicalPlan::SubqueryAlias(alias))))
        }
        LogicalPlan::Projection(projection) => of_projection(projection, place),
        LogicalPlan::Join(join) if has_all_columns(join.join_type) => {
            let column = Column::from(join.schema.qualified_field(place));
            if is_used(&plan.expressions(), &column)? {
                return Ok(None);
            }
            let left = join.left.schema().fields().len();
            let (side, at) = match place.checked_sub(left) {
                Some(at) => (1, at),
                None => (0, place),
            };
            let mut inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
            let Some(child) = inputs.get_mut(side) else {
                return Ok(None);
            };
            let Some((look_up, input)) = with_id(child, at)? else {
                return Ok(None);
            };
            *child = input;
            let joined = plan.with_new_exprs(plan.expressions(), inputs)?;
            Ok(Some((look_up, joined)))
        }
        _ => Ok(None),
    }
}

/// Whether a join has the columns of both sides, one behind the other.
fn has_all_columns(join_type: JoinType) -> bool {
    matches!(
        join_type,
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full
    )
}

fn of_projection(projection: &Projection, place: usize) -> Result<Option<(Expr, LogicalPlan)>> {
    let Some(expr) = projection.expr.get(place) else {
        return Ok(None);
    };
    let (qualifier, field) = projection.schema.qualified_field(place);
    let (look_up, input, id) = match expr.clone().unalias() {
        Expr::Column(column) => {
            let others = projection.expr.iter().enumerate();
            let others = others.filter(|(at, _)| *at != place).map(|(_, expr)| expr);
            if is_used(others, &column)? {
                return Ok(None);
            }
            let at = projection.input.schema().index_of_column(&column)?;
            let Some((look_up, input)) = with_id(&projection.input, at)? else {
                return Ok(None);
            };
            (look_up, Arc::new(input), Expr::Column(column))
        }
        look_up => {
            let Some((_, id)) = lookup_of(&look_up) else {
                return Ok(None);
            };
            let id = id.clone();
            (look_up, projection.input.clone(), id)
        }
    };
    let mut exprs = projection.expr.clone();
    if let Some(expr) = exprs.get_mut(place) {
        *expr = id.alias_qualified(qualifier.cloned(), field.name());
    }
    let projection = Projection::try_new(exprs, input)?;
    Ok(Some((look_up, LogicalPlan::Projection(projection))))
}

#[expect(
    single_use_lifetimes,
    reason = "a lifetime without a name is not stable here"
)]
fn is_used<'e>(exprs: impl IntoIterator<Item = &'e Expr>, column: &Column) -> Result<bool> {
    let mut used = false;
    for expr in exprs {
        expr.apply(|node| {
            used |= matches!(node, Expr::Column(found) if found == column);
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(used)
}

/// What stands in the place of a group: what its id stands for, or itself.
fn group_value(aggregate: &Aggregate, group: &Expr, found: &[Found]) -> Result<Expr> {
    let Expr::Column(column) = group else {
        return Ok(Expr::Column(Column::from_name(
            group.schema_name().to_string(),
        )));
    };
    let place = aggregate.input.schema().index_of_column(column)?;
    let Some(group) = found.iter().find(|found| found.place == place) else {
        return Ok(Expr::Column(column.clone()));
    };
    let Expr::ScalarFunction(function) = &group.look_up else {
        return Ok(Expr::Column(column.clone()));
    };
    Ok(function.func.call(vec![Expr::Column(column.clone())]))
}

/// Looks groups up behind the aggregate.
fn looked_up(aggregate: &Aggregate, inner: Aggregate, found: &[Found]) -> Result<LogicalPlan> {
    let mut exprs = Vec::new();
    for (place, (qualifier, field)) in aggregate.schema.iter().enumerate() {
        let value = match aggregate.group_expr.get(place) {
            Some(group @ Expr::Column(_)) => group_value(aggregate, group, found)?,
            _ => Expr::Column(Column::new(qualifier.cloned(), field.name())),
        };
        exprs.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    let inner = LogicalPlan::Aggregate(inner);
    let projection = Projection::try_new(exprs, Arc::new(inner))?;
    Ok(LogicalPlan::Projection(projection))
}

/// How results of groups that turn out to be one are put together.
fn merged(expr: &Expr) -> Option<fn(Expr) -> Expr> {
    let Expr::AggregateFunction(function) = expr.clone().unalias() else {
        return None;
    };
    let params = &function.params;
    if params.distinct || !params.order_by.is_empty() {
        return None;
    }
    match function.func.name() {
        "count" | "sum" => Some(sum),
        "min" => Some(min),
        "max" => Some(max),
        _ => None,
    }
}

/// Groups once more by what the ids stand for.
fn merge(aggregate: &Aggregate, inner: Aggregate, found: &[Found]) -> Result<LogicalPlan> {
    let groups = aggregate.group_expr.len();
    let mut group_exprs = Vec::new();
    for group in &aggregate.group_expr {
        group_exprs.push(group_value(aggregate, group, found)?);
    }
    let mut aggregates = Vec::new();
    let inner_columns: Vec<Expr> = inner
        .schema
        .iter()
        .map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name())))
        .collect();
    for (expr, column) in aggregate
        .aggr_expr
        .iter()
        .zip(inner_columns.iter().skip(groups))
    {
        if let Some(merge) = merged(expr) {
            aggregates.push(merge(column.clone()));
        }
    }
    let outer = Aggregate::try_new(
        Arc::new(LogicalPlan::Aggregate(inner)),
        group_exprs,
        aggregates,
    )?;
    let columns = outer.schema.iter().zip(aggregate.schema.iter());
    let exprs = columns
        .map(|((qualifier, field), (wanted_qualifier, wanted))| {
            Expr::Column(Column::new(qualifier.cloned(), field.name()))
                .alias_qualified(wanted_qualifier.cloned(), wanted.name())
        })
        .collect();
    let projection = Projection::try_new(exprs, Arc::new(LogicalPlan::Aggregate(outer)))?;
    Ok(LogicalPlan::Projection(projection))
}
