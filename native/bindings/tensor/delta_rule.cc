#include "cpu/delta_rule.h"

#include "signatures/tensor/delta_rule.h"

using namespace scmoe;

SCMOE_EXPORT(deltaRule) {
  call.expect(args.valueHeads % args.keyHeads == 0, "valueHeads",
              "a multiple of keyHeads " + std::to_string(args.keyHeads), args.valueHeads);
  const DeltaShape shape{args.tokens, args.keyHeads, args.valueHeads, args.keySize, args.valueSize, args.before};
  call.expect(args.perToken == shape.channels(), "perToken", std::to_string(shape.channels()) + " for these heads",
              args.perToken);
  deltaRule(shape, args.mixed, args.beta, args.logDecay, args.convolution, {args.pastTaps, args.pastState}, args.out,
            args.taps, args.state);
  return nullptr;
}
