"""Which models a worker answers with: the follower that fetches champions, and the predictors made of them."""
