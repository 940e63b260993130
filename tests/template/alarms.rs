//! Every way of standing still or losing something is an alarm.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::template::Template;

use crate::number;

/// The alarms of a stack on AWS.
fn alarms() -> Result<BTreeMap<String, Value>> {
    let deployed = Template::transformed()?.deployed("fleet", &[("AlarmTopicArn", "arn:aws:sns:r:123456789012:t")])?;
    let alarms = deployed.properties("AWS::CloudWatch::Alarm")?;
    Ok(alarms.into_iter().map(|(name, alarm)| (name.to_owned(), alarm)).collect())
}

/// The alarm on a metric of AWS Lambda about a function.
fn on<'a>(alarms: &'a BTreeMap<String, Value>, metric: &str, function: &str) -> Option<&'a Value> {
    let dimensions = json!([{"Name": "FunctionName", "Value": {"Ref": function}}]);
    alarms.values().find(|alarm| {
        alarm["Namespace"] == "AWS/Lambda" && alarm["MetricName"] == metric && alarm["Dimensions"] == dimensions
    })
}

#[test]
fn every_alarm_tells_when_it_begins_and_ends() -> Result<()> {
    let alarms = alarms()?;
    assert!(alarms.len() >= 27, "{}", alarms.len());
    for (name, alarm) in alarms {
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[actions], json!(["arn:aws:sns:r:123456789012:t"]), "{name}: {actions}");
        }
        assert!(alarm["AlarmDescription"].is_string(), "{name}");
    }
    Ok(())
}

/// Each alarm costs something.
#[test]
fn the_runbook_tells_how_many_alarms_there_are() -> Result<()> {
    let words = format!("has {} alarms", alarms()?.len());
    assert!(crate::file("infra/RUNBOOK.md")?.contains(&words), "{words}");
    Ok(())
}

/// CloudWatch evaluates periods of whole minutes, a day of them at most if they are shorter than an hour, else a week
/// ("`PutMetricAlarm`" in the Amazon CloudWatch API reference).
#[test]
fn periods_are_what_cloudwatch_evaluates() -> Result<()> {
    let template = Template::transformed()?;
    let choices = template.at("/Parameters/CrlCheckAlarmPeriod/AllowedValues")?.as_array().context("any period")?;
    let mut periods: Vec<(u64, u64)> = Vec::new();
    for (name, alarm) in template.properties("AWS::CloudWatch::Alarm")? {
        let times = number(&alarm["EvaluationPeriods"])?;
        let period = if alarm["Metrics"].is_null() { &alarm["Period"] } else { &alarm["Metrics"][0]["Period"] };
        if *period == json!({"Ref": "CrlCheckAlarmPeriod"}) {
            assert_eq!(name, "CrlChecksMissingAlarm");
            periods.extend(choices.iter().map(|choice| Ok((number(choice)?, times))).collect::<Result<Vec<_>>>()?);
        } else {
            periods.push((number(period)?, times));
        }
    }
    for (period, times) in periods {
        assert_eq!(period % 60, 0);
        assert!(period * times <= if period < 3600 { 86_400 } else { 604_800 }, "{times} times {period}");
    }
    Ok(())
}

/// A checker that nobody starts makes no errors: the missing data is the alarm. Its periods are as long as the time
/// between two runs at least.
#[test]
fn a_silent_crl_checker_is_an_alarm() -> Result<()> {
    let alarms = alarms()?;
    let silence = on(&alarms, "Invocations", "CrlChecker").context("no alarm")?;
    assert_eq!((&silence["ComparisonOperator"], &silence["Threshold"]), (&json!("LessThanThreshold"), &json!(1)));
    assert_eq!((&silence["Statistic"], &silence["TreatMissingData"]), (&json!("Sum"), &json!("breaching")));

    let template = Template::transformed()?;
    let schedule = template.at("/Parameters/CrlCheckSchedule/Default")?.as_str().context("no schedule")?;
    let minutes = schedule.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(" minutes)"));
    let minutes: u64 = minutes.context("not in minutes")?.parse()?;
    assert!(number(template.at("/Parameters/CrlCheckAlarmPeriod/Default")?)? >= 60 * minutes);
    Ok(())
}

/// What a schedule can't start is kept, by a role that may do so, in a queue that has an alarm like all others.
#[test]
fn schedules_keep_what_they_cannot_start() -> Result<()> {
    let template = Template::transformed()?;
    let schedules = template.properties("AWS::Scheduler::Schedule")?;
    assert_eq!(schedules.len(), 2);
    let queue = json!({"Fn::GetAtt": ["MissedCrlChecks", "Arn"]});
    for (name, schedule) in schedules {
        assert_eq!(schedule["Target"]["DeadLetterConfig"], json!({"Arn": queue}), "{name}");
        let role = template.resource_of_arn(&schedule["Target"]["RoleArn"])?;
        let policies = template.members(&format!("/Resources/{role}/Properties"))?;
        let statements = policies["Policies"].as_array().context("no policies")?.iter();
        let mut statements = statements.map(|policy| &policy["PolicyDocument"]["Statement"][0]);
        assert!(statements.any(|may| may["Action"] == "sqs:SendMessage" && may["Resource"] == queue), "{name}");
    }
    Ok(())
}

/// A function whose failed invocations no queue keeps is known by its errors; an asynchronous one can be kept from
/// running, and lose its events, without a single error.
#[test]
fn functions_that_fail_or_are_not_let_run_are_alarms() -> Result<()> {
    let template = Template::transformed()?;
    let alarms = alarms()?;
    let asynchronous: BTreeMap<&str, &Value> = template
        .properties("AWS::Lambda::EventInvokeConfig")?
        .into_values()
        .filter_map(|settings| Some((settings["FunctionName"]["Ref"].as_str()?, settings)))
        .collect();
    assert_eq!(asynchronous.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(["CrlChecker"]));
    for function in template.properties("AWS::Lambda::Function")?.into_keys() {
        let settings = asynchronous.get(function);
        let destination = settings.map(|settings| &settings["DestinationConfig"]["OnFailure"]["Destination"]);
        match destination.filter(|destination| !destination.is_null()) {
            Some(_) => assert!(on(&alarms, "DestinationDeliveryFailures", function).is_some(), "{function}"),
            None => assert!(on(&alarms, "Errors", function).is_some(), "{function}"),
        }
        for metric in ["Throttles", "AsyncEventsDropped"] {
            assert_eq!(on(&alarms, metric, function).is_some(), settings.is_some(), "{function}: {metric}");
        }
    }
    Ok(())
}

/// What a rule can't read, has no quota for, or can hand over to neither its action nor its error action, is lost without
/// a trace but in these metrics ("Rule metrics" and "Rule action metrics" in the AWS IoT Core developer guide).
#[test]
fn every_rule_is_watched() -> Result<()> {
    let template = Template::transformed()?;
    let alarms = alarms()?;
    for metric in ["ErrorActionFailure", "ParseError", "RuleMessageThrottled"] {
        let select = format!("SELECT SUM({metric}) FROM \"AWS/IoT\" WHERE ");
        let mut conditions =
            alarms.values().filter_map(|alarm| alarm["Metrics"][0]["Expression"].as_str()?.strip_prefix(&select));
        let condition = conditions.next().with_context(|| format!("no alarm on {metric}"))?;
        let rules: BTreeSet<&str> = condition
            .split(" OR ")
            .filter_map(|part| part.strip_prefix("RuleName = '${")?.strip_suffix("}'"))
            .collect();
        assert_eq!(rules, template.properties("AWS::IoT::TopicRule")?.into_keys().collect(), "{metric}");
        assert_eq!(condition.split(" OR ").count(), rules.len(), "{condition}");
    }
    Ok(())
}

/// What waits for somebody has to call, and what waits for a function must not wait long.
#[test]
fn every_queue_has_an_alarm() -> Result<()> {
    let template = Template::transformed()?;
    let sources = crate::queues::sources(template)?;
    let alarms = alarms()?;
    for queue in template.properties("AWS::SQS::Queue")?.into_keys() {
        let (metric, threshold) = if sources.contains(queue) {
            ("ApproximateAgeOfOldestMessage", 900)
        } else {
            ("ApproximateNumberOfMessagesVisible", 0)
        };
        let dimensions = json!([{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]);
        let is_on = |alarm: &&Value| alarm["Dimensions"] == dimensions && alarm["MetricName"] == metric;
        assert!(alarms.values().any(|alarm| is_on(&alarm) && alarm["Threshold"] == threshold), "{queue}");
    }
    Ok(())
}

/// SQS leaves what was received three times out of the age of the oldest message: an event of the activator's that fails for
/// a day would raise no alarm before it is given up.
#[test]
fn events_that_keep_failing_are_an_alarm() -> Result<()> {
    let alarms = alarms()?;
    for queue in ["RegisteredEvents", "RegisteredEventsOverflow"] {
        let dimensions = json!([{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]);
        let in_work = alarms.values().find(|alarm| {
            alarm["Dimensions"] == dimensions && alarm["MetricName"] == "ApproximateNumberOfMessagesNotVisible"
        });
        let in_work = in_work.with_context(|| format!("no alarm on {queue}"))?;
        assert_eq!((&in_work["Statistic"], &in_work["Threshold"]), (&json!("Minimum"), &json!(0)), "{queue}");
    }
    Ok(())
}
