//! The calls that tenant and public transactions have in common.

/// Gives a wrapper around `tx: Transaction` its public calls.
macro_rules! transaction_calls {
    ($name:ident) => {
        impl $name {
            /// Runs a statement and returns its rows.
            ///
            /// # Errors
            /// If the statement fails; the transaction has ended then.
            pub async fn query(
                &self,
                sql: &'static str,
                params: Params<'_>,
            ) -> Result<Vec<Row>, Error> {
                self.tx.query(sql, params).await
            }

            /// Runs a statement and returns its last row, if there is one.
            ///
            /// # Errors
            /// If the statement fails; the transaction has ended then.
            pub async fn query_opt(
                &self,
                sql: &'static str,
                params: Params<'_>,
            ) -> Result<Option<Row>, Error> {
                self.tx.query_opt(sql, params).await
            }

            /// Runs a statement that always returns a row.
            ///
            /// # Errors
            /// If the statement fails or returns none.
            pub async fn query_one(
                &self,
                sql: &'static str,
                params: Params<'_>,
            ) -> Result<Row, Error> {
                self.tx.query_one(sql, params).await
            }

            /// Runs a statement and returns how many rows it touched.
            ///
            /// # Errors
            /// If the statement fails; the transaction has ended then.
            pub async fn execute(
                &self,
                sql: &'static str,
                params: Params<'_>,
            ) -> Result<u64, Error> {
                self.tx.execute(sql, params).await
            }

            /// Reads a page of a list; `scope` are the values of the listing's own
            /// condition.
            ///
            /// # Errors
            /// If the statement fails; the transaction has ended then.
            pub async fn list(
                &self,
                listing: &Listing,
                scope: Params<'_>,
                request: &ListRequest,
            ) -> Result<Rows, Error> {
                list::run(&self.tx, listing, scope, request).await
            }

            /// Makes everything permanent.
            ///
            /// # Errors
            /// [`Error::CommitUnknown`] if no answer came; any other error means
            /// that nothing took place.
            pub async fn commit(self) -> Result<(), Error> {
                self.tx.commit().await
            }

            /// Undoes everything and keeps the connection for others.
            ///
            /// # Errors
            /// If the connection broke, which undoes everything as well.
            pub async fn rollback(self) -> Result<(), Error> {
                self.tx.rollback().await
            }

            /// Commits if the work went well, rolls back if it did not, and
            /// returns what the work returned.
            ///
            /// # Errors
            /// The work's own error, or that of the commit.
            pub async fn finish<T, E: From<Error>>(self, work: Result<T, E>) -> Result<T, E> {
                match work {
                    Ok(value) => {
                        self.commit().await?;
                        Ok(value)
                    }
                    Err(error) => {
                        if let Err(broken) = self.rollback().await {
                            tracing::debug!(
                                error = &broken as &dyn std::error::Error,
                                "a rollback was not answered"
                            );
                        }
                        Err(error)
                    }
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
