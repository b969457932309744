"""One rank of the overlap benchmark's model in PyTorch: experts shared out over ranks, Gloo, asynchronous all-to-all.

Answers the questions `time` of src/suites/overlap/protocol.ts for the layers `top2` and `pos2`, of one block pair or of the whole model. Written
the way a good PyTorch user would: scaled_dot_product_attention, one fused q/k/v product, batched products over the experts
of a rank, fused AdamW; an exchange is two autograd functions, so that what lies between them overlaps in both passes.
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F

from blocks_torch import Attention, FeedForward

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()
travels = True


class Exchange:
    """One all-to-all under way, and the one of its gradient."""

    def start(self, rows):
        self.sent = rows.contiguous()
        self.received = torch.empty_like(self.sent)
        self.work = dist.all_to_all_single(self.received, self.sent, async_op=True) if travels else None

    def wait(self):
        if self.work is None:
            return self.sent.clone()
        self.work.wait()
        self.sent = None
        return self.received


class Start(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, exchange):
        ctx.exchange = exchange
        exchange.start(rows)
        return rows.new_zeros(1)

    @staticmethod
    def backward(ctx, _):
        return ctx.exchange.wait(), None


class Wait(torch.autograd.Function):
    @staticmethod
    def forward(ctx, ticket, exchange):
        ctx.exchange = exchange
        return exchange.wait()

    @staticmethod
    def backward(ctx, gradient):
        ctx.exchange.start(gradient)
        return gradient.new_zeros(1), None


class Routed(nn.Module):
    """Top-k experts with a capacity: `begin`, `experts` and `end` leave room for the backbone between them."""

    def __init__(self, c, top_k):
        super().__init__()
        d, hidden, here = c["dModel"], c["ffnHidden"], c["numExperts"] // size
        self.count, self.here, self.top_k, self.factor = c["numExperts"], here, top_k, c["capacityFactor"]
        self.router = nn.Linear(d, self.count, bias=False)
        self.w1 = nn.Parameter(torch.randn(here, d, hidden) * 0.02)
        self.b1 = nn.Parameter(torch.zeros(here, 1, hidden))
        self.w2 = nn.Parameter(torch.randn(here, hidden, d) * 0.02)
        self.b2 = nn.Parameter(torch.zeros(here, 1, d))

    def begin(self, x):
        tokens = x.reshape(-1, x.shape[-1])
        scores = self.router(tokens).softmax(-1)
        self.weights, chosen = scores.topk(self.top_k, dim=-1)
        if self.top_k > 1:
            self.weights = self.weights / self.weights.sum(-1, keepdim=True)
        self.capacity = math.ceil(self.top_k * self.factor * tokens.shape[0] / self.count)
        # All first choices come before all second ones; what finds no slot goes to a row behind the last.
        flat = chosen.t().reshape(-1)
        places = (F.one_hot(flat, self.count).cumsum(0) - 1).gather(1, flat[:, None])[:, 0]
        end = self.count * self.capacity
        self.slots = torch.where(places < self.capacity, flat * self.capacity + places, end)
        buffer = tokens.new_zeros(end + 1, tokens.shape[1])
        packed = buffer.index_copy(0, self.slots, tokens.repeat(self.top_k, 1))[:end]
        self.exchange = Exchange()
        self.ticket = Start.apply(packed, self.exchange)
        first = F.one_hot(chosen[:, 0], self.count).float().mean(0)
        return self.count * (scores.mean(0) * first).sum()

    def experts(self):
        rows = Wait.apply(self.ticket, self.exchange)
        d = rows.shape[1]
        batch = rows.view(size, self.here, self.capacity, d).transpose(0, 1).reshape(self.here, -1, d)
        hidden = F.gelu(torch.baddbmm(self.b1, batch, self.w1))
        done = torch.baddbmm(self.b2, hidden, self.w2)
        back = done.view(self.here, size, self.capacity, d).transpose(0, 1).reshape(-1, d)
        self.exchange = Exchange()
        self.ticket = Start.apply(back, self.exchange)

    def end(self, like):
        rows = Wait.apply(self.ticket, self.exchange)
        padded = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
        gathered = padded.index_select(0, self.slots).view(self.top_k, -1, rows.shape[1])
        return (gathered * self.weights.t()[:, :, None]).sum(0).view_as(like)


class Pair(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        d, hidden = c["dModel"], c["ffnHidden"]
        self.is_shortcut = layer == "pos2"
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(5 if self.is_shortcut else 4))
        self.attention1, self.attention2 = Attention(d, c["numHeads"]), Attention(d, c["numHeads"])
        self.mlp = FeedForward(d, hidden)
        self.routed = Routed(c, 1 if self.is_shortcut else 2)
        if self.is_shortcut:
            self.shared = FeedForward(d, hidden)
            self.mix = nn.Linear(d, 1, bias=False)

    def forward(self, x, slot):
        routed, norms = self.routed, self.norms
        a = x + self.attention1(norms[0](x))
        if not self.is_shortcut:
            b = a + self.mlp(norms[1](a))
            c = b + self.attention2(norms[2](b))
            extra = routed.begin(norms[3](c))
            routed.experts()
            return c + routed.end(c), extra
        extra = routed.begin(norms[4](a))
        place = {} if slot is None else {slot: routed.experts}
        result = None
        if slot is None:
            routed.experts()
            result = routed.end(a)
        place.get(0, lambda: None)()
        b = a + self.mlp(norms[1](a))
        place.get(1, lambda: None)()
        c = b + self.attention2(norms[2](b))
        place.get(2, lambda: None)()
        u = norms[3](c)
        shared = torch.sigmoid(self.mix(u)) * self.shared(u)
        place.get(3, lambda: None)()
        if result is None:
            result = routed.end(a)
        return c + shared + result, extra


class Model(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        d = c["dModel"]
        self.embedding = nn.Embedding(c["vocabSize"], d)
        self.positions = nn.Parameter(torch.randn(c["sequenceLength"], d) * 0.02)
        self.pairs = nn.ModuleList(Pair(c, layer) for _ in range(c["pairs"]))
        self.norm = nn.LayerNorm(d)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, ids, slot):
        x = self.embedding(ids) + self.positions
        auxiliary = 0.0
        for pair in self.pairs:
            x, extra = pair(x, slot)
            auxiliary = auxiliary + extra
        return self.norm(x) @ self.embedding.weight.t(), auxiliary


class Alone(nn.Module):
    """One pair behind an input that is differentiated as well, but not trained."""

    def __init__(self, c, layer):
        super().__init__()
        self.pair = Pair(c, layer)
        self.x = torch.randn(c["batchSize"], c["sequenceLength"], c["dModel"], requires_grad=True)

    def forward(self, slot):
        return self.pair(self.x, slot)


parser = argparse.ArgumentParser()
parser.add_argument("--shape", type=json.loads, required=True)
shape = parser.parse_args().shape
# What all ranks hold alike has one seed; that experts have the same does not matter to a time.
torch.manual_seed(0)
made = {}
ids = torch.randint(0, shape["vocabSize"], (shape["batchSize"], shape["sequenceLength"] + 1))


def entry(level, layer):
    if (level, layer) not in made:
        model = Alone(shape, layer) if level == "pair" else Model(shape, layer)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        made[level, layer] = model, optimizer
    return made[level, layer]


def loss_of(level, model, slot):
    if level == "pair":
        y, _ = model(slot)
        return y.square().mean()
    logits, auxiliary = model(ids[:, :-1], slot)
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()) + 0.01 * auxiliary


def step(level, layer, mode, slot):
    model, optimizer = entry(level, layer)
    if mode == "infer":
        with torch.no_grad():
            return model(slot) if level == "pair" else model(ids[:, :-1], slot)
    loss_of(level, model, slot).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if level == "pair":
        model.x.grad = None


def timed(question):
    global travels
    travels = question["exchange"]
    plan = question["plan"]
    entry(question["level"], question["layer"])
    dist.barrier()
    begin = time.perf_counter()
    step(question["level"], question["layer"], question["mode"], plan and plan["slot"])
    return {"seconds": time.perf_counter() - begin}


def say(value):
    print(json.dumps(value), flush=True)


say({"version": f"PyTorch {torch.__version__} (gloo)"})
for line in sys.stdin:
    say(timed(json.loads(line)))
dist.destroy_process_group()
