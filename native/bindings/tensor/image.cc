#include "signatures/tensor/image.h"

#include "cpu/crop_and_resize.h"
#include "cpu/non_max_suppression.h"
#include "cpu/resize.h"

using namespace scmoe;

namespace {

template <typename Arguments>
Resize resizeOf(const Arguments& args) {
  return {args.batch,     args.inHeight, args.inWidth,      args.channels,
          args.outHeight, args.outWidth, args.alignCorners, args.halfPixelCenters};
}

}  // namespace

SCMOE_EXPORT(resizeBilinear) {
  resizeBilinear(resizeOf(args), args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT(resizeNearest) {
  resizeNearest(resizeOf(args), args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT(resizeBilinearBackward) {
  resizeBilinearBackward(resizeOf(args), args.dy, args.dx);
  return nullptr;
}

SCMOE_EXPORT(resizeNearestBackward) {
  resizeNearestBackward(resizeOf(args), args.dy, args.dx);
  return nullptr;
}

SCMOE_EXPORT(cropAndResize) {
  const Crops crops{args.batch,
                    args.height,
                    args.width,
                    args.channels,
                    args.count,
                    args.cropHeight,
                    args.cropWidth,
                    args.boxes,
                    args.pictures,
                    args.isBilinear,
                    static_cast<float>(args.outside)};
  cropAndResize(crops, args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT_UNCAPTURED(suppressBoxes) {
  const Suppression suppression{args.count, args.most, args.iouThreshold, args.scoreThreshold, args.softSigma};
  return toJs(call.env(),
              static_cast<double>(suppressBoxes(suppression, args.boxes, args.scores, args.kept, args.keptScores)));
}
