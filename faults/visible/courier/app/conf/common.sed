s/@sender@/Harbour Office/g
s/@phone@/555-0101/g
