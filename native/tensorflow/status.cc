#include "tensorflow/status.h"

#include "core/error.h"

namespace scmoe::tensorflow {

namespace {

/// Without what TensorFlow adds for Python: where it ran in braces in front, the operation once more at the end.
std::string plain(std::string text) {
  for (size_t begin; (begin = text.find("{{function_node ")) != std::string::npos;) {
    const size_t end = text.find("}}", begin);
    if (end == std::string::npos) break;
    text.erase(begin, text.compare(end + 2, 1, " ") == 0 ? end + 3 - begin : end + 2 - begin);
  }
  const size_t tail = text.rfind(" [Op:");
  if (tail != std::string::npos) text.erase(tail);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

void Status::check(const std::string& what) const {
  if (!isGood()) throw Error(what + ": " + plain(api_.Message(status_)));
}

}  // namespace scmoe::tensorflow
