#include "cpu/mlp.h"

#include <cstring>

#include "signatures/tensor/mlp.h"

using namespace scmoe;

/// Whether the hidden layers are bf16: half as many words as there are numbers.
template <typename Arguments>
static bool keepsHalves(const Call& call, const Arguments& args) {
  if (args.words == args.f) return false;
  call.expect(args.words * 2 == args.f, "words", "f, or half of it for bf16", args.words);
  return true;
}

SCMOE_EXPORT(mlpForward) {
  mlpForward({args.d, args.f, args.w1, args.b1, args.w2, args.b2, args.activation}, args.rows, args.x, args.y, args.pre,
             args.hidden, keepsHalves(call, args));
  return nullptr;
}

SCMOE_EXPORT(mlpBackward) {
  double squares[2];
  mlpBackward({args.d, args.f, args.w1, nullptr, args.w2, nullptr, args.activation}, args.rows, args.dy, args.x,
              args.pre, args.hidden, keepsHalves(call, args),
              {args.dx, args.dW1, args.dB1, args.dW2, args.dB2, args.squares ? squares : nullptr});
  if (args.squares) std::memcpy(args.squares, squares, sizeof squares);
  return nullptr;
}
