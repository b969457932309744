#include <cstring>

#include "cpu/grouped_ffn.h"
#include "cpu/pack.h"
#include "cpu/route.h"
#include "signatures/tensor/moe.h"

using namespace scmoe;

template <typename Arguments>
static RouteOptions routeOptions(const Arguments& args) {
  return {args.tokens, args.numExperts, args.topK, args.sigmoid, args.normalize, static_cast<float>(args.scale)};
}

SCMOE_EXPORT(routeForward) {
  routeForward(routeOptions(args), args.logits, args.bias, args.given, args.mask, args.scores, args.weights,
               args.experts);
  return nullptr;
}

SCMOE_EXPORT(routeBackward) {
  routeBackward(routeOptions(args), args.scores, args.weights, args.experts, args.dScores, args.dWeights, args.dLogits);
  return nullptr;
}

SCMOE_EXPORT(dispatchPlan) {
  if (args.limit) call.expect(*args.limit >= 0, "limit", "a number of slots >= 0", *args.limit);
  const int64_t limit = args.limit ? *args.limit : args.capacity;
  const PlanOptions options{args.tokens,   args.topK,          args.numExperts,  args.numZeroExperts,
                            args.capacity, args.byProbability, args.choiceFirst, limit};
  dispatchPlan(options, args.experts, args.weights, args.slots, args.counts, args.load, args.firstLoad);
  return nullptr;
}

SCMOE_EXPORT(encodeForward) {
  encodeForward(args.tokens, args.topK, args.d, args.numRows, args.x, args.slots, args.rows);
  return nullptr;
}

SCMOE_EXPORT(encodeBackward) {
  encodeBackward(args.tokens, args.topK, args.d, args.numRows, args.dRows, args.slots, args.dx);
  return nullptr;
}

SCMOE_EXPORT(decodeForward) {
  decodeForward(args.tokens, args.topK, args.d, args.numRows, args.rows, args.weights, args.slots, args.y);
  return nullptr;
}

SCMOE_EXPORT(decodeBackward) {
  decodeBackward(args.tokens, args.topK, args.d, args.numRows, args.dy, args.rows, args.weights, args.slots, args.dRows,
                 args.dWeights);
  return nullptr;
}

template <typename Arguments>
static ExpertRows expertRows(const Arguments& args) {
  return {args.numExperts, args.rows, args.d, args.f, args.capacity, args.counts};
}

/// Whether the hidden layers are bf16: half as many words as there are numbers.
template <typename Arguments>
static bool keepsHalves(const Call& call, const Arguments& args) {
  if (args.words == args.f) return false;
  call.expect(args.words * 2 == args.f, "words", "f, or half of it for bf16", args.words);
  return true;
}

SCMOE_EXPORT(groupedFfnForward) {
  groupedFfnForward(expertRows(args), args.x, args.w1, args.b1, args.w2, args.b2, args.activation, args.y, args.pre,
                    args.hidden, keepsHalves(call, args));
  return nullptr;
}

/// Hands sums of squares to JavaScript, as the bytes that a signature knows.
static void write(const double* squares, size_t count, uint8_t* bytes) {
  if (bytes != nullptr) std::memcpy(bytes, squares, count * sizeof(double));
}

SCMOE_EXPORT(groupedFfnBackward) {
  double squares[2];
  groupedFfnBackward(expertRows(args), args.dy, args.x, args.w1, args.w2, args.pre, args.hidden,
                     keepsHalves(call, args), args.activation, args.dx, args.dW1, args.dB1, args.dW2, args.dB2,
                     args.squares ? squares : nullptr);
  write(squares, 2, args.squares);
  return nullptr;
}

SCMOE_EXPORT(groupedSwigluForward) {
  groupedSwigluForward(expertRows(args), args.x, args.gate, args.up, args.down, args.y, args.gated, args.raised);
  return nullptr;
}

SCMOE_EXPORT(groupedSwigluBackward) {
  double squares[3];
  groupedSwigluBackward(expertRows(args), args.dy, args.x, args.gate, args.up, args.down, args.gated, args.raised,
                        args.dx, args.dGate, args.dUp, args.dDown, args.squares ? squares : nullptr);
  write(squares, 3, args.squares);
  return nullptr;
}
