"""The models: predictions and loss against dense algebra, gradients against autograd."""

import torch
from torch.nn.functional import one_hot

from scb.learning.models import LinearTransformer, SoftmaxTransformer, squared_loss


def test_loss_and_gradient_are_those_of_plain_torch():
    targets = torch.randint(4, (3, 5))
    ours = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    loss = squared_loss(ours, targets)
    expected = 0.5 * (one_hot(targets, 4) - theirs).square().sum(-1).mean(-1)
    torch.testing.assert_close(loss, expected)
    weights = torch.rand(2, 3)
    (weights * loss).sum().backward()
    (weights * expected).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_start_of_both_models_predicts_mu(make_task, make_stream):
    task = make_task(4, 30)
    batch = make_stream(task).batch(0, 6)
    for model in (LinearTransformer, SoftmaxTransformer):
        prediction = model.initial(task, torch.float64)(batch)  # (R, B, N)
        torch.testing.assert_close(prediction, task.stationary[:, None].expand(-1, 6, -1))


def test_predictions_are_the_papers_formula(make_task, make_stream):
    task = make_task(4, 9)
    batch = make_stream(task).batch(0, 6)
    value, logits = torch.randn(2, 4, 4).double(), torch.randn(2, 4, 9).double()
    linear, softmax = LinearTransformer(value, logits), SoftmaxTransformer(value, logits)
    context = one_hot(batch.tokens.long(), 4).double()  # (R, B, T, N)
    for model, columns in ((linear, logits), (softmax, logits.softmax(-1))):
        for replicate in range(2):
            for sample in range(6):
                column = columns[replicate, batch.queries[replicate, sample]]
                expected = value[replicate] @ context[replicate, sample].T @ column
                torch.testing.assert_close(model(batch)[replicate, sample].detach(), expected)


def test_softmax_gradient(make_task, make_stream):
    task = make_task(3, 5)
    batch = make_stream(task).batch(0, 4)
    value = torch.randn(2, 3, 3).double()

    def loss(logits):
        model = SoftmaxTransformer(value, torch.zeros(2, 3, 5).double())
        del model._parameters["logits"]
        model.logits = logits
        return squared_loss(model(batch), batch.targets)

    assert torch.autograd.gradcheck(loss, torch.randn(2, 3, 5).double().requires_grad_())
