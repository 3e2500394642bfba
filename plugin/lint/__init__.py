"""What of given masks is improbable by itself: stray components, holes, slivers, frames, outliers, equal images …"""
