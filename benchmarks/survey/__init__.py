"""Human judgement: a page of blind pairs to vote on, and what the votes say."""
