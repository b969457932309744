#include "bindings/args.h"
#include "cpu/grouped_ffn.h"
#include "cpu/pack.h"
#include "cpu/route.h"

using namespace scmoe;

static RouteOptions routeOptions(Args& args) {
  return {args.i(0), args.i(1), args.i(2), args.flag(3), args.flag(4), args.f(5)};
}

/// (tokens, numExperts, topK, sigmoid, normalize, scale, logits, bias?, given?, scores, weights, experts)
SCMOE_EXPORT(routeForward) {
  routeForward(routeOptions(args), args.floats(6), args.floats(7), args.ints(8), args.floats(9), args.floats(10),
               args.ints(11));
  return nullptr;
}

/// (tokens, numExperts, topK, sigmoid, normalize, scale, scores, weights, experts, dScores?, dWeights?, dLogits)
SCMOE_EXPORT(routeBackward) {
  routeBackward(routeOptions(args), args.floats(6), args.floats(7), args.ints(8), args.floats(9), args.floats(10),
                args.floats(11));
  return nullptr;
}

/// (tokens, topK, numExperts, numZeroExperts, capacity, byProbability, choiceFirst, experts, weights, slots, counts,
/// load, firstLoad)
SCMOE_EXPORT(dispatchPlan) {
  const PlanOptions options{args.i(0), args.i(1), args.i(2), args.i(3), args.i(4), args.flag(5), args.flag(6)};
  dispatchPlan(options, args.ints(7), args.floats(8), args.ints(9), args.ints(10), args.ints(11), args.ints(12));
  return nullptr;
}

/// (tokens, topK, d, numRows, x, slots, rows)
SCMOE_EXPORT(encodeForward) {
  encodeForward(args.i(0), args.i(1), args.i(2), args.i(3), args.floats(4), args.ints(5), args.floats(6));
  return nullptr;
}

/// (tokens, topK, d, dRows, slots, dx)
SCMOE_EXPORT(encodeBackward) {
  encodeBackward(args.i(0), args.i(1), args.i(2), args.floats(3), args.ints(4), args.floats(5));
  return nullptr;
}

/// (tokens, topK, d, numRows, rows, weights, slots, y)
SCMOE_EXPORT(decodeForward) {
  decodeForward(args.i(0), args.i(1), args.i(2), args.i(3), args.floats(4), args.floats(5), args.ints(6),
                args.floats(7));
  return nullptr;
}

/// (tokens, topK, d, numRows, dy, rows, weights, slots, dRows, dWeights)
SCMOE_EXPORT(decodeBackward) {
  decodeBackward(args.i(0), args.i(1), args.i(2), args.i(3), args.floats(4), args.floats(5), args.floats(6),
                 args.ints(7), args.floats(8), args.floats(9));
  return nullptr;
}

static ExpertRows expertRows(Args& args) {
  return {args.i(0), args.i(1), args.i(2), args.i(3), args.i(4), args.ints(5)};
}

/// (numExperts, rows, d, f, capacity, counts, activation, x, w1, b1?, w2, b2?, y, pre, hidden)
SCMOE_EXPORT(groupedFfnForward) {
  groupedFfnForward(expertRows(args), args.floats(7), args.floats(8), args.floats(9), args.floats(10), args.floats(11),
                    static_cast<Activation>(args.i(6)), args.floats(12), args.floats(13), args.floats(14));
  return nullptr;
}

/// (numExperts, rows, d, f, capacity, counts, activation, dy, x, w1, w2, pre, hidden, dx, dW1, dB1, dW2, dB2)
SCMOE_EXPORT(groupedFfnBackward) {
  groupedFfnBackward(expertRows(args), args.floats(7), args.floats(8), args.floats(9), args.floats(10),
                     args.floats(11), args.floats(12), static_cast<Activation>(args.i(6)), args.floats(13),
                     args.floats(14), args.floats(15), args.floats(16), args.floats(17));
  return nullptr;
}

/// (numExperts, rows, d, f, capacity, counts, x, gate, up, down, y, gated, raised)
SCMOE_EXPORT(groupedSwigluForward) {
  groupedSwigluForward(expertRows(args), args.floats(6), args.floats(7), args.floats(8), args.floats(9),
                       args.floats(10), args.floats(11), args.floats(12));
  return nullptr;
}

/// (numExperts, rows, d, f, capacity, counts, dy, x, gate, up, down, gated, raised, dx, dGate, dUp, dDown)
SCMOE_EXPORT(groupedSwigluBackward) {
  groupedSwigluBackward(expertRows(args), args.floats(6), args.floats(7), args.floats(8), args.floats(9),
                        args.floats(10), args.floats(11), args.floats(12), args.floats(13), args.floats(14),
                        args.floats(15), args.floats(16));
  return nullptr;
}
