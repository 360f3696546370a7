//! Groups by what ids stand for become groups by ids: the text is looked up once a group and not once a row.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::expr_fn::{max, min, sum};
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable as _, LogicalPlan, Projection, SubqueryAlias,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::lookup_of;

/// The rule.
#[derive(Debug)]
pub(super) struct Grouping;

/// A group by a look-up.
struct Found {
    /// Place among the columns of the input.
    place: usize,
    /// The look-up, of the projection.
    look_up: Expr,
    /// Its id.
    id: Expr,
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
    let Some(projection) = projection_below(&aggregate.input) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for group in &aggregate.group_expr {
        let Expr::Column(column) = group else {
            if matches!(group, Expr::GroupingSet(_)) {
                return Ok(None);
            }
            continue;
        };
        let place = aggregate.input.schema().index_of_column(column)?;
        let Some(expr) = projection.expr.get(place) else {
            continue;
        };
        let look_up = expr.clone().unalias();
        if let Some((_, id)) = lookup_of(&look_up)
            && !is_used(&aggregate.aggr_expr, column)?
        {
            let id = id.clone();
            found.push(Found { place, look_up, id });
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let mut is_unique = true;
    for group in &found {
        if let Some((look_up, id)) = lookup_of(&group.look_up) {
            let nullable = id.nullable(projection.input.schema())?;
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
    let input = with_ids(&aggregate.input, &found)?;
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

/// The projection below names of sub-queries.
fn projection_below(plan: &LogicalPlan) -> Option<&Projection> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => projection_below(&alias.input),
        LogicalPlan::Projection(projection) => Some(projection),
        _ => None,
    }
}

fn is_used(exprs: &[Expr], column: &Column) -> Result<bool> {
    let mut used = false;
    for expr in exprs {
        expr.apply(|node| {
            used |= matches!(node, Expr::Column(found) if found == column);
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(used)
}

/// The input with ids in the places of what they stand for.
fn with_ids(plan: &LogicalPlan, found: &[Found]) -> Result<LogicalPlan> {
    Ok(match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let input = with_ids(&alias.input, found)?;
            LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(
                Arc::new(input),
                alias.alias.clone(),
            )?)
        }
        LogicalPlan::Projection(projection) => {
            let mut exprs = projection.expr.clone();
            for group in found {
                let (qualifier, field) = projection.schema.qualified_field(group.place);
                let id = group
                    .id
                    .clone()
                    .alias_qualified(qualifier.cloned(), field.name());
                if let Some(expr) = exprs.get_mut(group.place) {
                    *expr = id;
                }
            }
            LogicalPlan::Projection(Projection::try_new(exprs, projection.input.clone())?)
        }
        other => other.clone(),
    })
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
