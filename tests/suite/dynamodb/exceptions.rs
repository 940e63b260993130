//! Where the local cloud's DynamoDB answers otherwise than AWS's.
//!
//! What AWS does is taken from its documents: the Developer Guide (guide), the API Reference (API). Where they are
//! silent, from test suites that are run against AWS: `ScyllaDB`'s `test/alternator` (alternator), the tests of
//! `dynalite`, and `dynamodb-conformance`.

/// Steps of the cases that the local cloud answers otherwise.
pub(super) struct Exception {
    /// What the local cloud does, and what says that AWS does not.
    pub(super) reason: &'static str,
    /// The steps by name.
    pub(super) steps: &'static [&'static str],
}

/// All of them. A step that is answered alike is none.
pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        reason: "refuses them too, in words that tell another reason: those in memory are the ones of dynalite's \
                 tests and of dynamodb-conformance",
        steps: &[
            "a condition follows the grammar: size(a)",
            "a condition follows the grammar: if_not_exists(a, :a) = :a",
            "a condition follows the grammar: attribute_exists(a) = :a",
            "operands fit their operators whatever the item: attribute_exists(:a)",
            "operands fit their operators whatever the item: attribute_exists(a, ab)",
            "operands fit their operators whatever the item: begins_with(a)",
            "operands fit their operators whatever the item: size(a, ab) = :one",
            "operands fit their operators whatever the item: size(:one) = :two",
            "placeholders are defined, used and well-formed: value without :",
            "reserved words need a placeholder: key condition",
            "a key condition is of the key: device > :d",
            "a key condition is of the key: begins_with(device, :d)",
            "a key condition is of the key: device BETWEEN :d AND :m",
            "a key condition is of the key: device.x = :d",
            "a key condition is of the key: device = :d AND message IN (:m)",
            "a key condition is of the key: none",
            "an update that does not fit the item is refused: SET s.k = :s",
            "an update that does not fit the item is refused: SET l.k = :s",
            "an update that can't be right is refused whatever the item: SET a = no_function(b)",
            "an update that can't be right is refused whatever the item: SET a.b = :s, a = :s",
            "an update that can't be right is refused whatever the item: SET a.b = :s REMOVE a[0]",
            "an update that can't be right is refused whatever the item: SET a = list_append(a, :s)",
            "an update that can't be right is refused whatever the item: SET a = if_not_exists(a)",
            "sums that are not exact are refused: 9e125 ADD 9e125",
        ],
    },
    Exception {
        reason: "skips characters that it does not know, calls of functions that there are not, and refuses operands \
                 in parentheses: guide, Condition and filter expressions, operators, and functions (names of \
                 functions are case-sensitive); alternator, test_update_expression_name_token; dynalite, \
                 conditionParser.pegjs",
        steps: &[
            "a condition follows the grammar: a ! :a",
            "a condition follows the grammar: _a = :a",
            "a condition follows the grammar: no_function(a)",
            "a condition follows the grammar: ATTRIBUTE_EXISTS(a)",
            "values of all types are equal by value: (one) = (same)",
        ],
    },
    Exception {
        reason: "compares values of any types, where AWS refuses the request whatever the item: alternator, \
                 test_condition_expression.py; dynalite, test/scan.js",
        steps: &[
            "operands fit their operators whatever the item: attribute_type(a, :a)",
            "operands fit their operators whatever the item: attribute_type(a, ab)",
            "operands fit their operators whatever the item: a < :true",
            "operands fit their operators whatever the item: :yx >= a",
            "operands fit their operators whatever the item: a BETWEEN :true AND :true",
            "operands fit their operators whatever the item: a BETWEEN :a AND :one",
            "operands fit their operators whatever the item: a = a",
            "operands fit their operators whatever the item: attribute_exists(ab) AND NOT (a < :a OR a < :nil)",
        ],
    },
    Exception {
        reason: "has no limits of expressions but their length: guide, Quotas in Amazon DynamoDB (300 operators or \
                 functions) and Condition and filter expressions (IN takes up to 100 values); alternator, \
                 test_limits.py (the 300 operators of a condition)",
        steps: &[
            "operands fit their operators whatever the item: a IN (101 values)",
            "an expression has at most 300 operators: 301 in a condition",
            "an expression has at most 300 operators: 301 in an update",
        ],
    },
    Exception {
        reason: "finds two missing attributes equal: alternator, test_update_condition_eq_two_unset and \
                 test_update_condition_ne_two_unset",
        steps: &[
            "what is missing is unequal to everything: absent = nowhere",
            "what is missing is unequal to everything: absent <> nowhere",
        ],
    },
    Exception {
        reason: "refuses begins_with of a number in the item, where the condition is false, and finds in binaries and \
                 in sets of numbers only what is written alike: alternator, test_update_condition_begins_with and \
                 test_update_condition_contains; guide, Supported data types (numbers are compared by value)",
        steps: &[
            "functions tell existence, type and contents: begins_with(one, :a)",
            "functions tell existence, type and contents: contains(bin, :bin2)",
            "functions tell existence, type and contents: contains(numbers, :two)",
        ],
    },
    Exception {
        reason: "takes a placeholder for used that another one starts with, names without # if they are in the \
                 expression, and names that a BatchGetItem does not use: guide, Expression attribute names; dynalite, \
                 test/updateItem.js and test/batchGetItem.js",
        steps: &[
            "placeholders are defined, used and well-formed: unused value that another one starts with",
            "placeholders are defined, used and well-formed: unused name that another one starts with",
            "placeholders are defined, used and well-formed: name without #",
            "a batch reads different items by whole keys: unused name",
        ],
    },
    Exception {
        reason: "lets reserved words pass in filters of empty tables, and behind the first name of a projection's \
                 path: guide, Reserved words in DynamoDB",
        steps: &[
            "reserved words need a placeholder: member of a map in a projection",
            "reserved words need a placeholder: filter",
        ],
    },
    Exception {
        reason: "does not parse projections: guide, Using projection expressions; dynalite, projectionParser.pegjs \
                 and test/getItem.js",
        steps: &[
            "paths of a projection are well-formed, and neither overlap nor conflict: a.b, a[1]",
            "paths of a projection are well-formed, and neither overlap nor conflict: a.",
            "paths of a projection are well-formed, and neither overlap nor conflict: a b",
            "paths of a projection are well-formed, and neither overlap nor conflict: a[b]",
            "paths of a projection are well-formed, and neither overlap nor conflict: empty",
        ],
    },
    Exception {
        reason: "starts at keys that are none: API, Query and Scan (ExclusiveStartKey is a primary key); dynalite, \
                 test/query.js and test/scan.js",
        steps: &[
            "a query of an index starts behind a key, whether its item is there or not: further attribute",
            "a query starts behind a key within its bounds: further attribute",
            "a scan starts behind a key: attribute of another type",
            "a scan starts behind a key: further attribute",
        ],
    },
    Exception {
        reason: "filters by key attributes: guide, Filter expressions for the Query operation (they can't be in one)",
        steps: &[
            "items with one key of an index are filtered, paged and projected: filter of the index's key",
            "a filter takes from what a query has read: filter of the key",
        ],
    },
    Exception {
        reason: "takes any condition for one of the key: API, Query (KeyConditionExpression); dynalite, test/query.js",
        steps: &[
            "a key condition is of the key: device = :d AND message <> :m",
            "a key condition is of the key: device = :d AND contains(message, :m)",
            "a key condition is of the key: device = :d AND attribute_exists(message)",
            "a key condition is of the key: device = :d OR message = :m",
            "a key condition is of the key: NOT device = :d",
        ],
    },
    Exception {
        reason: "takes an unknown Select or ReturnValuesOnConditionCheckFailure: API, Scan and UpdateItem (valid \
                 values)",
        steps: &[
            "what is selected fits the projection: {\"Select\":\"EVERYTHING\"}",
            "a condition that fails leaves the item, and may return it: ALL_NEW",
        ],
    },
    Exception {
        reason: "puts keys of indexes in that are too long: API, TransactWriteItems (the index key beyond allowed \
                 size limits); guide, Quotas in Amazon DynamoDB (2048 bytes)",
        steps: &[
            "keys of an index are filled strings, or missing: too long put",
            "keys of an index are filled strings, or missing: too long set",
        ],
    },
    Exception {
        reason: "finds items by a number only as it is stored: guide, Supported data types (numbers)",
        steps: &[
            "an index may turn the key of its table around: Query",
            "keys that are numbers are one by value, and are in their order: GetItem 9.50",
            "keys that are numbers are one by value, and are in their order: GetItem 9.5 once 0.95e1 is deleted",
        ],
    },
    Exception {
        reason: "does not look at the length of names: guide, Quotas in Amazon DynamoDB (at least one character, up \
                 to 64 KB); alternator, test_limit_attribute_length_nonkey_bad (65,535 bytes)",
        steps: &[
            "names of attributes have 1 to 65,535 bytes: too long",
            "names of attributes have 1 to 65,535 bytes: too long in a map",
            "names of attributes have 1 to 65,535 bytes: empty put",
            "names of attributes have 1 to 65,535 bytes: empty set",
        ],
    },
    Exception {
        reason: "ignores a request of a batch that is neither, and the deletion of one that is both: API, \
                 WriteRequest",
        steps: &[
            "a batch writes different items, and all of it is valid: neither put nor delete",
            "a batch writes different items, and all of it is valid: both put and delete",
        ],
    },
    Exception {
        reason: "takes the first of two actions, checks and updates without expressions, and items without a key: \
                 API, TransactWriteItem, ConditionCheck, Update (required members) and TransactWriteItems \
                 (ValidationError); alternator, test_transact_write_items_single_conditioncheck_unconditional",
        steps: &[
            "a transaction that can't be right is refused as a whole: two actions in one",
            "a transaction that can't be right is refused as a whole: a check without condition",
            "a transaction that can't be right is refused as a whole: an update without expression",
            "an action that does not fit its table or its item cancels: item without key",
        ],
    },
    Exception {
        reason: "appends elements in the order of the text, and removes them one after the other: guide, Using update \
                 expressions (elements are added in order of their number; REMOVE of several elements)",
        steps: &[
            "elements of lists are set, appended and removed: SET l[9] = :s, l[5] = :one",
            "elements of lists are set, appended and removed: REMOVE l[0], l[1]",
        ],
    },
    Exception {
        reason: "compares the numbers of sets as text: guide, Supported data types (numbers, sets)",
        steps: &[
            "ADD counts and unites, DELETE takes from sets: ADD ns :ns3, b :bs",
            "ADD counts and unites, DELETE takes from sets: DELETE ns :ns, b :bs",
        ],
    },
    Exception {
        reason: "adds numbers with 28 digits: guide, Supported data types (38 digits); alternator, \
                 test_update_expression_plus_precision and test_update_expression_plus_imprecise",
        steps: &[
            "sums are exact: 1e20 ADD 1e-10",
            "sums are exact: 1e20 + 1e-10",
            "sums are exact: 99999999999999999999999999999999999998 ADD 1",
            "sums are exact: 99999999999999999999999999999999999998 + 1",
            "sums that are not exact are refused: 1e38 ADD 1",
            "sums that are not exact are refused: 1e38 + 1",
            "sums that are not exact are refused: 1e100 ADD 1",
            "sums that are not exact are refused: 1e100 + 1",
            "an update that does not fit the item is refused: SET n = n + :many",
        ],
    },
    Exception {
        reason: "creates an item to take something away from it: alternator, \
                 test_nested_attribute_remove_from_missing_item and issue 5862 of scylladb/scylladb",
        steps: &["an update that only takes away does not create an item: rows"],
    },
    Exception {
        reason: "creates maps on the way, ignores paths that lead nowhere, and takes operands of wrong types: API, \
                 TransactWriteItems (the messages of ValidationError are those of UpdateItem); alternator, \
                 test_nested_attribute_update_bad_path_dot, test_nested_attribute_update_bad_path_array and \
                 test_update_expression_list_append_non_list_arguments",
        steps: &[
            "an update that does not fit the item is refused: SET m[0] = :s",
            "an update that does not fit the item is refused: REMOVE absent.k",
            "an update that does not fit the item is refused: ADD absent.k :one",
            "an update that does not fit the item is refused: SET x = s + :one",
            "an update that does not fit the item is refused: SET x = list_append(n, :list)",
        ],
    },
    Exception {
        reason: "ignores what it can't read of an update: guide, Using update expressions (grammar); alternator, \
                 test_update_expression.py (sections, overlaps, three summands, nested list_append); dynalite, \
                 test/updateItem.js",
        steps: &[
            "an update that can't be right is refused whatever the item: SET",
            "an update that can't be right is refused whatever the item: SET s",
            "an update that can't be right is refused whatever the item: SET a = :s b = :s",
            "an update that can't be right is refused whatever the item: SET a = :one + :one + :one",
            "an update that can't be right is refused whatever the item: ADD a b",
            "an update that can't be right is refused whatever the item: REMOVE a = :s",
            "an update that can't be right is refused whatever the item: SET a = :s SET b = :s",
            "an update that can't be right is refused whatever the item: SET a = :s REMOVE b ADD c :one REMOVE d",
            "an update that can't be right is refused whatever the item: SET a = :s REMOVE a",
            "an update that can't be right is refused whatever the item: SET a = :s + :one",
            "an update that can't be right is refused whatever the item: SET a = if_not_exists(a, :s) + :one",
            "an update that can't be right is refused whatever the item: SET x = list_append(list_append(l, :list), :list)",
            "an update that can't be right is refused whatever the item: SET a = if_not_exists(:s, :s)",
        ],
    },
    Exception {
        reason: "calls a member of another JSON type invalid, where AWS can't deserialize the request: alternator, \
                 test_number_in_json; dynalite, test/putItem.js (SerializationException)",
        steps: &[
            "values that are none are invalid: \"a\"",
            "values that are none are invalid: {\"S\":1}",
            "values that are none are invalid: {\"N\":1}",
            "values that are none are invalid: {\"BOOL\":\"true\"}",
            "values that are none are invalid: {\"L\":{}}",
            "values that are none are invalid: {\"SS\":\"a\"}",
        ],
    },
];
