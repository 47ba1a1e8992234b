//! Whose periods count for a chain, and changing them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::chains::service::begin_set_up_by;
use crate::chains::store::chain_by_id;
use crate::entity::retention_rule;
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::people::types::Caller;
use crate::retention::store;
use crate::retention::types::{Days, RetentionView, RuleOf};

/// The periods of a firm and of its chains.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    firm: Option<Rule>,
    chains: BTreeMap<Uuid, Rule>,
}

/// Periods, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The periods.
    pub days: Days,
    /// When they were said.
    pub changed_at: DateTime<Utc>,
}

impl Rules {
    /// Reads the rules of a firm.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn read(db: &impl ConnectionTrait, firm_id: Uuid) -> Result<Self, Failure> {
        let mut rules = Self::default();
        for row in store::rules(db, firm_id).await? {
            let rule = rule_of(&row)?;
            match row.chain_id {
                Some(chain_id) => drop(rules.chains.insert(chain_id, rule)),
                None => rules.firm = Some(rule),
            }
        }
        Ok(rules)
    }

    /// The rule that counts for a chain, and whose it is.
    pub fn of(&self, chain_id: Uuid) -> Option<(Rule, RuleOf)> {
        let own = self.chains.get(&chain_id).map(|rule| (*rule, RuleOf::Chain));
        own.or_else(|| self.of_firm())
    }

    /// The rule of the firm.
    pub fn of_firm(&self) -> Option<(Rule, RuleOf)> {
        self.firm.map(|rule| (rule, RuleOf::Firm))
    }
}

fn rule_of(row: &retention_rule::Model) -> Result<Rule, Failure> {
    Ok(Rule { days: serde_json::from_str(&row.days).map_err(Failure::internal)?, changed_at: row.changed_at })
}

fn view(found: Option<(Rule, RuleOf)>) -> RetentionView {
    match found {
        Some((rule, of)) => RetentionView { days: rule.days, of, changed_at: Some(rule.changed_at) },
        None => RetentionView { days: Days::default(), of: RuleOf::Nobody, changed_at: None },
    }
}

/// How long the data of a chain is kept, or that of the chains without a rule of their own.
///
/// # Errors
///
/// 404 when the firm has no such chain.
pub async fn get(app: &App, caller: &Caller, chain_id: Option<Uuid>) -> Result<RetentionView, Failure> {
    let db = app.db.reader();
    check_chain(db, caller.firm_id, chain_id).await?;
    let rules = Rules::read(db, caller.firm_id).await?;
    Ok(view(chain_id.map_or_else(|| rules.of_firm(), |id| rules.of(id))))
}

async fn check_chain(db: &impl ConnectionTrait, firm_id: Uuid, chain_id: Option<Uuid>) -> Result<(), Failure> {
    match chain_id {
        Some(id) if chain_by_id(db, firm_id, id).await?.is_none() => Err(Failure::not_found("chain")),
        _ => Ok(()),
    }
}

/// Says how long the data of a chain, or of the chains without a rule of their own, is kept; none takes the rule away.
///
/// # Errors
///
/// 404 when the firm has no such chain.
pub async fn put(
    app: &App,
    caller: &Caller,
    chain_id: Option<Uuid>,
    days: Option<Days>,
) -> Result<RetentionView, Failure> {
    let firm_id = caller.firm_id;
    let mut write = begin_set_up_by(app, caller).await?;
    check_chain(&write.tx, firm_id, chain_id).await?;
    let stored = store::rules(&write.tx, firm_id).await?.into_iter().find(|row| row.chain_id == chain_id);
    let before = stored.as_ref().map(rule_of).transpose()?.map(|rule| rule.days);
    // The same once more does not put the clock back.
    if before != days {
        if let Some(row) = &stored {
            store::remove_rule(&write.tx, firm_id, row.id).await?;
        }
        if let Some(days) = days {
            let row = retention_rule::Model {
                firm_id,
                id: app.ids.next(),
                chain_id,
                days: canonical(&days)?.text,
                changed_by: caller.membership_id,
                changed_at: app.clock.now(),
            };
            store::insert_rule(&write.tx, row).await?;
        }
        let (object, id) = chain_id.map_or(("firm", firm_id), |id| ("chain", id));
        let payload = json!({"from": before, "to": days});
        write.event(NewEvent::new("retention.changed", object, id, caller.membership_id, payload).log_only());
    }
    let rules = Rules::read(&write.tx, firm_id).await?;
    write.commit().await?;
    Ok(view(chain_id.map_or_else(|| rules.of_firm(), |id| rules.of(id))))
}
