//! Configurations that lie over each other, as one.

use std::collections::BTreeMap;

use super::fault::RouteFaults;
use super::key::{Key, KeyType};
use super::reader::Faults;
use super::{Route, read};

/// A route that no later one takes the place of.
struct Found<'a> {
    name: String,
    /// None if so much of it is wrong that there is none.
    route: Option<Route>,
    source: &'a str,
}

pub(super) fn routes(layers: &[(&str, &str)]) -> Result<BTreeMap<String, Route>, RouteFaults> {
    let mut faults = Faults::default();
    let mut found: Vec<Found<'_>> = Vec::new();
    for (source, json) in layers {
        faults.source = source;
        for (name, route) in read::routes(json, &mut faults) {
            found.retain(|earlier| earlier.name != name);
            found.push(Found { name, route, source });
        }
    }
    agree(&found, &mut faults);
    if !faults.all.is_empty() {
        return Err(RouteFaults(faults.all));
    }
    Ok(found.into_iter().filter_map(|found| Some((found.name, found.route?))).collect())
}

/// Routes of one table have the same keys, or all but one of them are wrong.
fn agree<'a>(found: &[Found<'a>], faults: &mut Faults<'a>) {
    let mut first_of: BTreeMap<&str, (&str, &Route)> = BTreeMap::new();
    for Found { name, route, source } in found {
        let Some(route) = route else { continue };
        let (first_name, first) = *first_of.entry(&route.table_name).or_insert((name, route));
        faults.source = source;
        let mut differs = |member: &str, own: Option<&str>, expected: Option<&str>| {
            if own != expected {
                let expected = expected.unwrap_or("none");
                faults.add(&format!("{name}.{member}"), format!("{first_name} has {expected} for the same table"));
            }
        };
        let (range, first_range) = (route.range_key.as_ref(), first.range_key.as_ref());
        differs("hashKeyField", Some(field(&route.hash_key)), Some(field(&first.hash_key)));
        differs("hashKeyType", Some(kind(&route.hash_key)), Some(kind(&first.hash_key)));
        differs("rangeKeyField", range.map(field), first_range.map(field));
        // Of a key that only one of them has the name says enough.
        if let Some((range, first_range)) = range.zip(first_range) {
            differs("rangeKeyType", Some(kind(range)), Some(kind(first_range)));
        }
    }
}

fn field(key: &Key) -> &str {
    &key.name
}

fn kind(key: &Key) -> &str {
    match key.kind {
        KeyType::Number => "NUMBER",
        KeyType::Text => "STRING",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Routes;

    fn route(name: &str, table: &str, more: &str) -> String {
        format!(r#""{name}": {{"tableName": "{table}", "hashKeyField": "id", "hashKeyValue": "1"{more}}}"#)
    }

    fn layer(routes: &[String]) -> String {
        format!("{{{}}}", routes.join(","))
    }

    fn faults(layers: &[(&str, &str)]) -> Vec<String> {
        Routes::parse_layers(layers).unwrap_err().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn later_routes_take_the_place_of_earlier_ones() {
        let base = layer(&[route("a", "first", ""), route("b", "first", "")]);
        let more = layer(&[route("b", "second", ""), route("c", "second", "")]);
        let routes = Routes::parse_layers(&[("ROUTES", &base), ("MORE_ROUTES", &more)]).unwrap();
        let tables: Vec<_> = routes.iter().map(|(name, route)| (name, route.table_name.as_str())).collect();
        assert_eq!(tables, [("a", "first"), ("b", "second"), ("c", "second")]);
        assert_eq!(Routes::parse_layers(&[]).unwrap(), Routes::default());
        assert_eq!(Routes::parse_layers(&[("", &more)]).unwrap(), Routes::parse(&more).unwrap());
    }

    #[test]
    fn faults_of_all_layers_are_told_with_their_source() {
        let base = layer(&[route("a", "first", r#", "hashKeyType": "TEXT""#), route("a a", "first", "")]);
        let more = layer(&[route("a", "t", ""), route("a", "second", "")]);
        let expected = [
            "ROUTES: a.hashKeyType: must be STRING or NUMBER",
            "ROUTES: \"a a\": a route's name is 1 to 128 characters of a-zA-Z0-9_-",
            "MORE_ROUTES: a: is there twice",
            "MORE_ROUTES: a.tableName: a table's name is 3 to 255 characters of a-zA-Z0-9_.-",
            "LAST: not a JSON object: invalid type: integer `1`, expected an object at line 1 column 1",
        ];
        assert_eq!(faults(&[("ROUTES", &base), ("MORE_ROUTES", &more), ("LAST", "1")]), expected);
    }

    #[test]
    fn routes_of_one_table_agree_in_its_keys() {
        let range = r#", "rangeKeyField": "at", "rangeKeyValue": "1""#;
        let cases = [
            ("", r#", "hashKeyType": "NUMBER""#, vec!["b.hashKeyType: a has STRING for the same table"]),
            ("", range, vec!["b.rangeKeyField: a has none for the same table"]),
            (range, "", vec!["b.rangeKeyField: a has at for the same table"]),
            (
                range,
                r#", "rangeKeyField": "of", "rangeKeyType": "NUMBER", "rangeKeyValue": "1""#,
                vec!["b.rangeKeyField: a has at for the same table", "b.rangeKeyType: a has STRING for the same table"],
            ),
            ("", r#", "hashKeyType": "STRING", "payloadField": "p""#, vec![]),
        ];
        for (first, later, expected) in cases {
            // Not in the order of the names: c is of another table.
            let text = layer(&[route("c", "other", range), route("a", "same", first), route("b", "same", later)]);
            let told = Routes::parse(&text).map_or_else(|faults| faults.to_string(), |_| String::new());
            assert_eq!(told, expected.join("; "), "{text}");
        }
        // A name that is none is wrong enough.
        let unsound = Routes::parse(&layer(&[route("a", "same", ""), route("b b", "same", range)])).unwrap_err();
        assert_eq!(unsound.0.len(), 1, "{unsound}");
        let other_name = route("a", "same", "").replace("id", "key");
        let told = Routes::parse(&layer(&[route("z", "same", ""), other_name])).unwrap_err().to_string();
        assert_eq!(told, "a.hashKeyField: z has id for the same table");
    }

    #[test]
    fn what_is_replaced_does_not_have_to_agree() {
        let number = r#", "hashKeyType": "NUMBER""#;
        let base = layer(&[route("a", "same", ""), route("b", "same", "")]);
        let both = layer(&[route("a", "same", number), route("b", "same", number)]);
        assert!(Routes::parse_layers(&[("ROUTES", &base), ("MORE_ROUTES", &both)]).is_ok());
        let one = layer(&[route("a", "same", number)]);
        let expected = ["MORE_ROUTES: a.hashKeyType: b has STRING for the same table"];
        assert_eq!(faults(&[("ROUTES", &base), ("MORE_ROUTES", &one)]), expected);
        // One that is wrong otherwise takes the place, too.
        let wrong = layer(&[route("a", "same", r#", "operation": 1"#), route("b", "same", number)]);
        let expected = ["MORE_ROUTES: a.operation: must be a string"];
        assert_eq!(faults(&[("ROUTES", &base), ("MORE_ROUTES", &wrong)]), expected);
    }
}
