//! Statements that are put together from pieces, with numbered parameters, as every database takes them.

use sqlx::{
    Any, Arguments, AssertSqlSafe, Encode, Type, any::AnyArguments, query::Query, query_with,
};

/// Statements with more values than this come in as many forms as there are numbers of rows. A session that remembered them would need hundreds of
/// megabytes.
const REMEMBERED_VALUES_MAX: usize = 64;

/// A statement, and what is bound to it.
#[derive(Default)]
pub(crate) struct Statement {
    sql: String,
    arguments: AnyArguments,
}

impl Statement {
    pub(crate) fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            arguments: AnyArguments::default(),
        }
    }

    /// Adds some words.
    pub(crate) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds a value.
    pub(crate) fn bind<'v>(&mut self, value: impl Encode<'v, Any> + Type<Any>) -> &mut Self {
        self.arguments
            .add(value)
            .expect("numbers, texts and bytes can be encoded");
        self.sql.push('$');
        self.sql.push_str(&self.arguments.len().to_string());
        self
    }

    /// Adds several values, parted by commas.
    pub(crate) fn bind_all<'v>(
        &mut self,
        values: impl IntoIterator<Item = impl Encode<'v, Any> + Type<Any>>,
    ) -> &mut Self {
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Adds `VALUES` and a row for each item, whose values are bound in turn.
    pub(crate) fn values<I>(
        &mut self,
        items: impl IntoIterator<Item = I>,
        bind: impl Fn(&mut Values<'_>, I),
    ) -> &mut Self {
        for (n, item) in items.into_iter().enumerate() {
            self.push(if n > 0 { ", (" } else { "VALUES (" });
            let mut row = Values {
                statement: self,
                is_first: true,
            };
            bind(&mut row, item);
            self.push(")");
        }
        self
    }

    pub(crate) fn query(self) -> Query<'static, Any, AnyArguments> {
        let is_remembered = self.arguments.len() <= REMEMBERED_VALUES_MAX;
        // It is made of our own words; what comes from elsewhere is bound.
        query_with(AssertSqlSafe(self.sql), self.arguments).persistent(is_remembered)
    }
}

/// The values of one row.
pub(crate) struct Values<'s> {
    statement: &'s mut Statement,
    is_first: bool,
}

impl Values<'_> {
    /// Adds a value.
    pub(crate) fn bind<'v>(&mut self, value: impl Encode<'v, Any> + Type<Any>) -> &mut Self {
        if !std::mem::replace(&mut self.is_first, false) {
            self.statement.push(", ");
        }
        self.statement.bind(value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_through() {
        let mut statement = Statement::new("WITH v (a, b) AS (");
        statement
            .values([(1_i64, "x"), (2, "y")], |row, (number, text)| {
                row.bind(number).bind(text.to_owned());
            })
            .push(") SELECT * FROM v WHERE a IN (")
            .bind_all([3_i64, 4])
            .push(") LIMIT ")
            .bind(5_i64);
        assert_eq!(
            statement.sql,
            "WITH v (a, b) AS (VALUES ($1, $2), ($3, $4)) SELECT * FROM v WHERE a IN ($5, $6) LIMIT $7"
        );
        assert_eq!(statement.arguments.len(), 7);
    }
}
