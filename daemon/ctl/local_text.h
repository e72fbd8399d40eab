#pragma once

#include <string>

#include "sluice/v1/admin.pb.h"

// Answers of the daemon as tables for people. Pure.

namespace sluice::ctl {

std::string status_text(const v1::Status& status);
std::string ledger_text(const v1::LedgerReport& report);
std::string series_table_text(const v1::ListSeriesResponse& response);
std::string series_state_text(const v1::SeriesStateReport& report);
std::string series_growth_text(const v1::SeriesGrowth& growth);
std::string recent_text(const v1::ListRecentSummariesResponse& response);
std::string late_text(const v1::ListLateReadingsResponse& response);
/// One of them, for those who read on.
std::string late_line(const v1::LateReading& reading);
std::string events_text(const v1::ListRecentEventsResponse& response);
/// One of them, for those who read on.
std::string event_line(const v1::RecentEvent& event);
std::string plugins_text(const v1::ListPluginsResponse& response);
std::string reload_text(const v1::ReloadPluginsResponse& response);

/// True when every difference is 0.
bool balances(const v1::LedgerReport& report);

}  // namespace sluice::ctl
