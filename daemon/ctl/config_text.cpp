#include <dtl/dtl.hpp>

#include <sstream>
#include <string>
#include <vector>

#include "ctl/config_commands.h"
#include "ctl/config_words.h"
#include "ctl/format.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(printable(line));
  return lines;
}

}  // namespace

std::string config_state_line(const v1::ConfigRevision& revision) {
  std::string line =
      "revision " + std::to_string(revision.number()) + ": " + config_state_text(revision.state());
  if (!revision.message().empty()) line += ": " + printable(revision.message());
  return line + "\n";
}

std::string config_text(const v1::ConfigRevision& revision) {
  std::string text = "# revision " + std::to_string(revision.number()) + ", " +
                     config_state_text(revision.state()) + " since " +
                     utc_text(revision.changed_ns()) + ", from " +
                     config_origin_text(revision.origin()) + "\n";
  if (!revision.message().empty()) text += "# " + printable(revision.message()) + "\n";
  for (const std::string& line : lines_of(revision.document())) text += line + "\n";
  return text;
}

std::string config_history_text(const v1::ListConfigsResponse& response) {
  Table table({{"REVISION", true}, {"STATE"}, {"SINCE"}, {"FROM"}, {"CAME"}, {"WHY"}});
  for (const v1::ConfigRevision& revision : response.revisions()) {
    table.add_row({std::to_string(revision.number()), config_state_text(revision.state()),
                   utc_text(revision.changed_ns()), config_origin_text(revision.origin()),
                   utc_text(revision.received_ns()), revision.message()});
  }
  return table.empty() ? "No revisions.\n" : table.take();
}

std::string config_diff_text(const v1::ConfigRevision& from, const v1::ConfigRevision& to) {
  const std::vector<std::string> old = lines_of(from.document());
  const std::vector<std::string> next = lines_of(to.document());
  dtl::Diff<std::string> diff(old, next);
  diff.compose();
  diff.composeUnifiedHunks();
  std::ostringstream hunks;
  diff.printUnifiedFormat(hunks);
  const std::string text = hunks.str();
  if (text.empty()) return "The documents are the same.\n";
  return "--- revision " + std::to_string(from.number()) + "\n+++ revision " +
         std::to_string(to.number()) + "\n" + text;
}

}  // namespace sluice::ctl
