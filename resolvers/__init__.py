"""The work of one request: context, batched loads, pages. Takes a Context, returns rows; knows neither GraphQL nor SQL."""
