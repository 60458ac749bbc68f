"""Small trees judged on groups they have not seen."""

import numpy as np
import pytest

from cs2_pipeline.datasets.leakage.trees import accuracy, auc, forest_model, held_out, shallow_tree


class Remembers:
    """Scores that say which label it saw most for a value, and never one that it saw nothing of."""

    def fit(self, features, labels):
        self.seen, self.classes_ = set(features[:, 0]), np.unique(labels)

    def predict_proba(self, features):
        assert not self.seen & set(features[:, 0]), "of a group it learned from"
        return np.full((len(features), self.classes_.size), 1 / self.classes_.size)


def test_each_row_is_scored_once_by_a_model_that_saw_no_row_of_its_group():
    groups = np.repeat(np.arange(10), 3)
    labels = np.array([0, 2] * 15)
    scores = held_out(Remembers, groups[:, None].astype(float), labels, groups, seed=0)
    assert scores.shape == (30, 3)
    np.testing.assert_allclose(scores[:, [0, 2]], 0.5)
    assert (scores[:, 1] == 0).all()


def test_half_of_the_groups_are_learned_from_at_a_time():
    sizes = []

    class Counts(Remembers):
        def fit(self, features, labels):
            super().fit(features, labels)
            sizes.append(len(self.seen))

    held_out(Counts, np.arange(20.0)[:, None], np.arange(20) % 2, np.arange(20), seed=0)
    assert sizes == [10, 10]


def test_the_auc_of_two_labels_is_the_usual_one_and_of_more_the_mean_of_each_against_the_rest():
    right = np.eye(3)[[0, 1, 2, 0]]
    assert auc(np.array([0, 1, 2, 0]), right) == 1
    two = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]])
    assert auc(np.array([0, 0, 1, 1]), two) == pytest.approx(0.75)
    mixed = np.array([[0.5, 0.9, 0], [0.5, 0.1, 0], [0.5, 0.8, 0], [0.5, 0.2, 0]])
    assert auc(np.array([0, 0, 1, 1]), mixed) == pytest.approx((0.5 + 0.5) / 2)
    assert auc(np.array([1, 1]), np.eye(2)) == 0.5, "of one label nothing is told"


def test_accuracy_is_the_share_of_rows_whose_likeliest_label_is_theirs():
    assert accuracy(np.array([0, 1, 1, 0]), np.array([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.9, 0.1]])) == 0.75


def test_a_shallow_tree_finds_what_is_told_outright_and_remembers_no_single_row():
    random = np.random.default_rng(0)
    features, noise = random.random((400, 1)), random.integers(0, 2, 400)
    outright = (features[:, 0] > 0.5).astype(int)
    tree = shallow_tree(16, 0)()
    tree.fit(features, outright)
    assert accuracy(outright, tree.predict_proba(features)) > 0.9
    tree.fit(features, noise)
    assert tree.get_n_leaves() <= 16
    assert min(np.unique(tree.apply(features), return_counts=True)[1]) == pytest.approx(20, abs=6)
    assert min(np.unique(tree.apply(features), return_counts=True)[1]) >= 20
    forest = forest_model(0)()
    forest.fit(features, noise)
    assert accuracy(noise, forest.predict_proba(features)) > 0.9, "a forest remembers each"
    assert len(forest.estimators_) == 20
