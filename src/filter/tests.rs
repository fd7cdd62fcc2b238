use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, Regex, doc};

use super::*;

fn filter(document: &Document) -> Filter {
    Filter::parse(&document.to_vec().unwrap(), &[]).unwrap()
}

fn problem(document: &Document) -> String {
    let error = Filter::parse(&document.to_vec().unwrap(), &[]).unwrap_err();
    assert_eq!(error.code(), "ERR_STORE_FILTER");
    error.to_string()
}

fn matches(session: &Document, wanted: &Document) -> bool {
    filter(wanted).matches(Some(&session.to_vec().unwrap()), None)
}

#[test]
fn every_value_is_written_behind_an_operator() {
    let filter = filter(&doc! {
        "a": 1,
        "b": [1, "x"],
        "c.d": { "$gt": 1, "$lte": 5 },
        "e": { "f": 1 },
        "g": { "$eq": { "$ne": 1 } },
    });
    let mut query = Writer::new();
    query.start_array("$and");
    assert_eq!(filter.write(&mut query, "session", "indexes"), 6);
    let query = Document::from_reader(&*query.finish()).unwrap();
    assert_eq!(
        query,
        doc! { "$and": [
            { "session.a": { "$eq": 1 } },
            { "session.b": { "$in": [1, "x"] } },
            { "session.c.d": { "$gt": 1 } },
            { "session.c.d": { "$lte": 5 } },
            { "session.e": { "$eq": { "f": 1 } } },
            { "session.g": { "$eq": { "$ne": 1 } } },
        ] }
    );
}

#[test]
fn a_filter_without_conditions_is_met_by_every_session() {
    assert!(filter(&doc! {}).is_empty());
    assert!(matches(&doc! { "a": 1 }, &doc! {}));
}

#[test]
fn what_is_refused_is_named() {
    assert!(problem(&doc! { "a": { "$where": "1" } }).contains("'$where'"));
    assert!(problem(&doc! { "$or": [{ "a": 1 }] }).contains("'$or'"));
    assert!(problem(&doc! { "$eq": 1 }).contains("'$eq'"));
    assert!(problem(&doc! { "a": { "$ne": 1, "b": 1 } }).contains("both"));
    assert!(problem(&doc! { "a": { "$in": 1 } }).contains("$in"));
    assert!(problem(&doc! { "a": { "$exists": 1 } }).contains("$exists"));
    assert!(problem(&doc! { "a": { "$gt": { "b": 1 } } }).contains("$gt"));
    assert!(problem(&doc! { "a": { "$lt": Bson::Null } }).contains("$lt"));
    for path in ["", "a..b", ".a", "a.", "."] {
        assert!(problem(&doc! { path: 1 }).contains("empty"), "{path}");
    }
    assert!(problem(&doc! { "a.$b": 1 }).contains("'$'"));
    let pattern = Bson::RegularExpression(Regex {
        pattern: "secret".try_into().unwrap(),
        options: "".try_into().unwrap(),
    });
    for refused in [
        doc! { "a": pattern.clone() },
        doc! { "a": [pattern.clone()] },
        doc! { "a": { "$ne": pattern } },
        doc! { "a": Bson::Undefined },
        doc! { "a": Bson::MaxKey },
    ] {
        let problem = problem(&refused);
        assert!(problem.contains("type"), "{problem}");
        assert!(!problem.contains("secret"), "{problem}");
    }
    assert!(problem(&doc! { "a": [{ "$ne": 1 }] }).contains("$eq"));
}

#[test]
fn a_long_name_is_not_repeated_in_full() {
    let name = format!("${}", "x".repeat(1000));
    assert!(problem(&doc! { "a": { name: 1 } }).len() < 200);
}

#[test]
fn a_path_leads_through_documents_and_arrays() {
    let session =
        doc! { "user": { "roles": [{ "name": "admin" }, { "name": "editor" }] }, "n": [1, [2]] };
    assert!(matches(&session, &doc! { "user.roles.name": "editor" }));
    assert!(matches(&session, &doc! { "user.roles.1.name": "editor" }));
    assert!(!matches(&session, &doc! { "user.roles.0.name": "editor" }));
    assert!(matches(&session, &doc! { "n": 1 }));
    assert!(!matches(&session, &doc! { "n": 2 }));
    assert!(matches(&session, &doc! { "n": { "$eq": [2] } }));
    assert!(matches(&session, &doc! { "n": { "$eq": [1, [2]] } }));
    assert!(matches(&session, &doc! { "user.nick": Bson::Null }));
    assert!(!matches(
        &session,
        &doc! { "user.nick": { "$exists": true } }
    ));
    assert!(matches(
        &session,
        &doc! { "n": { "$exists": true, "$gt": 0 } }
    ));
}

#[test]
fn only_values_of_one_class_are_compared() {
    let id = ObjectId::from_bytes([7; 12]);
    let session = doc! { "n": 5, "s": "b", "d": DateTime::from_millis(5), "t": true, "id": id };
    assert!(matches(
        &session,
        &doc! { "n": { "$gte": 5.0, "$lt": 5.5 } }
    ));
    assert!(!matches(&session, &doc! { "n": { "$gt": "" } }));
    assert!(matches(&session, &doc! { "s": { "$gt": "a" } }));
    assert!(matches(
        &session,
        &doc! { "d": { "$lt": DateTime::from_millis(6) } }
    ));
    assert!(!matches(&session, &doc! { "d": { "$lt": 6 } }));
    assert!(matches(&session, &doc! { "t": { "$gt": false } }));
    assert!(matches(&session, &doc! { "id": id }));
    assert!(matches(&session, &doc! { "id": { "$lte": id } }));
    assert!(!matches(&session, &doc! { "n": { "$gt": f64::NAN } }));
    assert!(matches(
        &session,
        &doc! { "n": { "$nin": [1, 2], "$ne": Bson::Null } }
    ));
}
