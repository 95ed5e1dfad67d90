"""What publishers declare about the use of their articles: robots.txt, TDMRep, heads, licences."""
