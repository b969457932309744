#include "tensorflow/api.h"

#include <cstdlib>
#include <memory>
#include <mutex>

#include "core/shared_library.h"

namespace scmoe::tensorflow {

namespace {

constexpr int kOldestMajor = 2;
constexpr int kOldestMinor = 20;

bool isNewEnough(const std::string& version) {
  char* end = nullptr;
  const long major = std::strtol(version.c_str(), &end, 10);
  const long minor = *end == '.' ? std::strtol(end + 1, nullptr, 10) : 0;
  return major != kOldestMajor ? major > kOldestMajor : minor >= kOldestMinor;
}

Api load(const SharedLibrary& library) {
  Api api{};
  SymbolReader reader(library);
  reader.read(api.Version, "TF_Version");
  // The version before the other functions: an old library lacks some, and its age says more.
  if (api.Version) {
    api.version = api.Version();
    if (!isNewEnough(api.version))
      throw Error(library.path() + " is TensorFlow " + api.version + ", too old: " + std::to_string(kOldestMajor) +
                  "." + std::to_string(kOldestMinor) + " is the oldest that can be used");
  }
  reader.read(api.NewStatus, "TF_NewStatus");
  reader.read(api.DeleteStatus, "TF_DeleteStatus");
  reader.read(api.GetCode, "TF_GetCode");
  reader.read(api.Message, "TF_Message");
  reader.read(api.AllocateTensor, "TF_AllocateTensor");
  reader.read(api.DeleteTensor, "TF_DeleteTensor");
  reader.read(api.TensorByteSize, "TF_TensorByteSize");
  reader.read(api.TensorData, "TF_TensorData");
  reader.read(api.DataTypeSize, "TF_DataTypeSize");
  reader.read(api.NewContextOptions, "TFE_NewContextOptions");
  reader.read(api.DeleteContextOptions, "TFE_DeleteContextOptions");
  reader.read(api.ContextOptionsSetConfig, "TFE_ContextOptionsSetConfig");
  reader.read(api.NewContext, "TFE_NewContext");
  reader.read(api.DeleteContext, "TFE_DeleteContext");
  reader.read(api.ContextListDevices, "TFE_ContextListDevices");
  reader.read(api.ContextAddFunction, "TFE_ContextAddFunction");
  reader.read(api.ContextRemoveFunction, "TFE_ContextRemoveFunction");
  reader.read(api.DeleteDeviceList, "TF_DeleteDeviceList");
  reader.read(api.DeviceListCount, "TF_DeviceListCount");
  reader.read(api.DeviceListName, "TF_DeviceListName");
  reader.read(api.DeviceListType, "TF_DeviceListType");
  reader.read(api.DeviceListMemoryBytes, "TF_DeviceListMemoryBytes");
  reader.read(api.NewTensorHandle, "TFE_NewTensorHandle");
  reader.read(api.NewTensorHandleFromDeviceMemory, "TFE_NewTensorHandleFromDeviceMemory");
  reader.read(api.DeleteTensorHandle, "TFE_DeleteTensorHandle");
  reader.read(api.TensorHandleDataType, "TFE_TensorHandleDataType");
  reader.read(api.TensorHandleNumDims, "TFE_TensorHandleNumDims");
  reader.read(api.TensorHandleDim, "TFE_TensorHandleDim");
  reader.read(api.TensorHandleResolve, "TFE_TensorHandleResolve");
  reader.read(api.TensorHandleCopyToDevice, "TFE_TensorHandleCopyToDevice");
  reader.read(api.TensorHandleDevicePointer, "TFE_TensorHandleDevicePointer");
  reader.read(api.NewOp, "TFE_NewOp");
  reader.read(api.DeleteOp, "TFE_DeleteOp");
  reader.read(api.OpSetDevice, "TFE_OpSetDevice");
  reader.read(api.OpAddInput, "TFE_OpAddInput");
  reader.read(api.OpAddInputList, "TFE_OpAddInputList");
  reader.read(api.OpSetAttrValueProto, "TFE_OpSetAttrValueProto");
  reader.read(api.Execute, "TFE_Execute");
  reader.read(api.NewGraph, "TF_NewGraph");
  reader.read(api.DeleteGraph, "TF_DeleteGraph");
  reader.read(api.NewOperation, "TF_NewOperation");
  reader.read(api.AddInput, "TF_AddInput");
  reader.read(api.AddInputList, "TF_AddInputList");
  reader.read(api.AddControlInput, "TF_AddControlInput");
  reader.read(api.SetAttrValueProto, "TF_SetAttrValueProto");
  reader.read(api.FinishOperation, "TF_FinishOperation");
  reader.read(api.OperationNumOutputs, "TF_OperationNumOutputs");
  reader.read(api.OperationOutputType, "TF_OperationOutputType");
  reader.read(api.GraphGetTensorNumDims, "TF_GraphGetTensorNumDims");
  reader.read(api.GraphGetTensorShape, "TF_GraphGetTensorShape");
  reader.read(api.GraphSetTensorShape, "TF_GraphSetTensorShape");
  reader.read(api.GraphToFunctionWithControlOutputs, "TF_GraphToFunctionWithControlOutputs");
  reader.read(api.DeleteFunction, "TF_DeleteFunction");
  reader.finish();
  using GetFfi = const xla::Api*();
  if (auto* const getFfi = reinterpret_cast<GetFfi*>(library.find("_ZN3xla3ffi12GetXlaFfiApiEv"))) api.ffi = getFfi();
  return api;
}

}  // namespace

const Api& Api::open(const std::string& framework, const std::string& library) {
  static std::mutex mutex;
  static std::unique_ptr<Api> opened;
  const std::lock_guard<std::mutex> lock(mutex);
  if (opened) return *opened;
  // The second needs the first, and finds it by its name once it is there. A search in the second covers both.
  const SharedLibrary first(framework);
  opened = std::make_unique<Api>(load(SharedLibrary(library)));
  return *opened;
}

}  // namespace scmoe::tensorflow
